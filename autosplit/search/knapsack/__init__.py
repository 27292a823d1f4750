"""autosplit.knapsack."""
