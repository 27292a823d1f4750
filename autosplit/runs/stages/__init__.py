"""The five stages on a run folder, and ``run``, which does them one after the other.

Each stage reads files and writes files.  All share one frame: resolve the options, hash what is
read, ask whether it is done, work, clear the stamp, write the files, write the stamp.

| what | file |
| --- | --- |
| the frame: ``Stage``, ``Job``, ``Outcome`` | ``frame.py`` |
| capture the network, measure every tensor | ``stats.py`` |
| search cuts and widths, write every plan | ``search.py`` |
| seconds of every plan, whole and layer by layer | ``latency.py`` |
| finish plans and measure their accuracy | ``quantize.py`` |
| join everything: table, figure, pick | ``collect.py`` |
| all of them, each if there is something new to do | ``run.py`` |

Modules import torch inside functions, so that ``search``, ``latency`` and ``collect`` start at
once.
"""
