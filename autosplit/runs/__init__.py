"""Run folders: the stages that fill them, their options, and what is remembered of them.

| what | file |
| --- | --- |
| kinds of values of an option: sizes, times, switches, names | ``kinds.py`` |
| one declaration of an option, and all that is made of it | ``option.py`` |
| the options themselves, one declaration each | ``declared/`` |
| which command has which options | ``options.py`` |
| what options name, looked up before any work | ``named.py`` |
| what a finished stage leaves, and whether it is done | ``stamps.py`` |
| SHA-256 of everything that a stage reads | ``hashes.py`` |
| files that a person's code read, known from an audit hook | ``reads.py`` |
| one writer per run folder; what dead ones left | ``lock.py`` |
| code that a run folder names, and whether it may run | ``trust.py`` |
| profiles of the devices and links asked for and their copies; the memory limit | ``hardware.py`` |
| stages that must be done before another one | ``needs.py`` |
| where a run folder is; its graph and its plans | ``folder.py`` |
| the network that is asked for, loaded and captured | ``network.py`` |
| how samples become inputs, and the task: ``inputs.json`` | ``inputs.py`` |
| every tensor measured on calibration batches | ``measuring.py`` |
| plans as the options of ``search`` ask | ``planning.py`` |
| from the options of ``quantize`` to the steps that finish a plan | ``finishing.py`` |
| finished plans, found by what they were made of | ``finished.py`` |
| escalations as candidates, beside all other plans | ``escalated.py`` |
| plans run as escalations | ``escalating.py`` |
| plans finished and run on evaluation data | ``scoring.py`` |
| plans, seconds and scores joined; the picks | ``summary.py`` |
| variants of the network, and the plans of all on one front | ``variants.py`` |
| single plans: printed, or found as they were finished | ``plans.py`` |
| the page of a run: what its stages left, joined | ``viewing.py`` |
| checks of plans for continuous integration | ``checks/`` |
| the stages, and ``run`` | ``stages/`` |
"""
