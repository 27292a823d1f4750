"""autosplit.halves."""
