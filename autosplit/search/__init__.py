"""The search: widths under a budget, useful cuts, methods to compare, Pareto front."""
