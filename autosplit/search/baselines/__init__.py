"""autosplit.baselines."""
