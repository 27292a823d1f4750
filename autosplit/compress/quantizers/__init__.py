"""How a tensor is put on its grid while a plan is trained, one file each.

| quantizer | file |
| --- | --- |
| learned steps (LSQ, Esser et al. 2020, eq. 3) | ``lsq.py`` |
| learned clipping (PACT, Choi et al. 2018, eq. 3) | ``pact.py`` |
| steps that are powers of two, learned | ``pot.py`` |
| moving ranges (integer-arithmetic-only, Jacob et al. 2018, section 3) | ``iao.py`` |
| fixed steps, weights bent by tanh (DoReFa, Zhou et al. 2016, eq. 9) | ``dorefa.py`` |
| their names | ``registry.py`` |

A quantizer takes values, the logarithm of the step (a parameter), the zero point, the width, and
the number of elements that share a step; it gives the values on the grid, with gradients.
"""
