"""autosplit.finish."""
