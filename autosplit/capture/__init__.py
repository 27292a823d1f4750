"""From a network to a program of fused operators, and to the graph that describes it.

``torch.export`` gives a flat list of ATen operators, whatever the Python looked like; this package
rewrites it, groups its operators into layers, and checks that the answers stay the network's.

| method | file |
| --- | --- |
| all steps in order | ``capture.py`` (``capture``) |
| the check of the answers, in float64 where float32 is too coarse | ``check.py`` |
| what is refused: state, random numbers, control flow | ``refusals.py`` |
| ``torch.export`` with a free batch, and its errors in one line | ``export.py`` |
| an exported program as a flat graph, parameters beside it | ``flat.py`` (``flat_operators``) |
| what each ATen operator is: its kind, what joins which layer | ``operators.py`` |
| rewrites of the program: functionalization, dropped checks and identities | ``rewrites.py`` |
| batch norm folding (Jacob et al. 2018, section 3.2) | ``batchnorm.py`` |
| constant folding | ``constants.py`` |
| half and double precision to float32 | ``precision.py`` |
| how the inputs of a network nest, and where their batch is | ``inputs.py`` |
| names of the outputs: keys of dictionaries, fields, places in tuples | ``output_names.py`` |
| where the batch is in each tensor | ``batch_axis.py`` |
| networks that mix the samples of a batch | ``mixing.py`` |
| masks, indices and counts: tensors that keep their values | ``integers.py`` |
| operators that look something up, and the places that they allow | ``lookups.py`` |
| scores that a mask hides | ``masks.py`` |
| what writes infinity joins what reads it | ``infinities.py`` |
| recurrent operators, one for each layer and direction | ``recurrent.py`` |
| operators in named groups | ``groups.py`` |
| groups to counted layers | ``layers.py`` |
| a program: running it, its inputs, its digest | ``program.py`` (``Program``) |
| a program whose weights take gradients | ``trainable.py`` (``trainable``) |
| cross-layer equalization (Nagel et al. 2019, eq. 11) | ``equalize.py`` |
| im2col | ``im2col.py`` |
| running a program again from one of its tensors on | ``replay.py`` |

``autosplit.capture(model)`` calls ``autosplit.api.net.capture``: this package
is also the function of its name (``callable_package.py``).  Import from the modules themselves;
each needs torch.
"""

from autosplit.callable_package import make_callable

make_callable(__name__, "autosplit.api.net")
