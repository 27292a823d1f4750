"""The page of a run: one HTML file that needs no network, with all that is known of the plans.

| part of the page | file |
| --- | --- |
| what is shown, as one record | ``view.py`` (``PageView``) |
| seconds and bytes of every prefix cut at one width (Neurosurgeon's picture) | ``cuts.py`` |
| accuracy against latency, a panel for each link | ``panels.py`` |
| the layers with the widths of the pick, and the bars of every cut | ``network.py`` |
| pictures of a detector, small | ``pictures.py`` |
| words and tables | ``words.py`` |
| all of it in one file, with bokeh inside | ``page.py`` |

Import from the modules themselves.  None needs torch; ``panels.py``, ``network.py`` and ``page.py``
need bokeh.
"""
