"""What is told of plans: the pick, the table beside it, the figure, and the rows of CSV files.

| formula or method | file |
| --- | --- |
| a plan over a link, with what was measured of it | ``candidate.py`` (``Candidate``) |
| the rule of the pick; the best all-edge, all-cloud and JPEG plans | ``choice.py`` |
| plans shown to keep a limit on the drop: Holm's procedure | ``confidence.py`` |
| the pick with its table and the sentence on why | ``pick.py`` (``Pick``) |
| cells of its table | ``cells.py`` |
| aligned tables of text, and the same as HTML | ``aligned.py`` |
| rows of ``plans.csv``, ``latency.csv`` | ``tables.py`` |
| rows of ``summary.csv``, for people | ``summary_rows.py`` |
| the page of a run, an HTML file | ``page/`` |
| places of plans in the figure, what is far below or far slower | ``points.py`` |
| the Pareto figure | ``figure.py`` |
| curves of precision over recall, confusion of classes | ``box_figure.py`` |
| names in a figure that lie over nothing | ``labels.py`` |

Import from the modules themselves.  None needs torch; ``figure.py`` and ``labels.py`` need
matplotlib, which is slow to import.
"""
