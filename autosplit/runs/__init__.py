"""autosplit.runs."""
