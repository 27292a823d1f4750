"""The search: widths under a budget, useful cuts, methods to compare, Pareto front."""

from autosplit.callable_package import make_callable

make_callable(__name__, "autosplit.api.front")
