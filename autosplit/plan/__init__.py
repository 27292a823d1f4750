"""Plans: where to cut, which grid each tensor has, what is predicted, and the file of it all.

| formula or method | file |
| --- | --- |
| `Plan`: a cut, widths, distortion with its proven bound, seconds; optimality gap | `plan.py` |
| the grid of each tensor at its width, dead channels raised | `grids.py` |
| grids of 8 bits whose levels are int8, for a device that needs them | `int8_weights.py` |
| `PlanFile`, `write_plan`, `read_plan`: the YAML file, and the digest of a half | `planfile.py` |
| grids as numbers of that file | `formats.py` |
| what crosses the link: the layout of a message | `wire_layout.py` |
| codes and biases of a finished plan, safetensors beside the YAML | `codes.py` |
| everything that is wrong with a plan file | `checks.py` |
| widths that a person fixes: the pins of a command line or a file | `pins.py` |
| the form that Intel Distiller reads | `distiller.py` |

No module here imports torch.
"""

from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile, read_plan, write_plan

__all__ = ["Plan", "PlanFile", "read_plan", "write_plan"]
