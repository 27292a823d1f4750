"""autosplit.data."""
