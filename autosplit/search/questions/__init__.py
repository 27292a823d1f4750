"""Single questions, each with a plan, a bound and a gap.

| formula or method | file |
| --- | --- |
| ``least_latency``, ``least_distortion``, ``front`` | ``questions.py`` |
| what is asked, and whether a candidate keeps it | ``question.py`` |
| limits on mean width, bit operations and energy | ``limits.py`` |
| energy of an answer: of many choices, and as rows of a program | ``energy.py`` |
| one cut as a mixed-integer linear program (MILP) | ``milp.py`` |
| HiGHS: scaling, choices ruled out, what its status proves | ``highs.py`` |
| cover inequalities against the solver's rounding | ``cutting_planes.py`` |
| orders of the layers in which cuts are prefixes | ``orders.py`` |
"""
