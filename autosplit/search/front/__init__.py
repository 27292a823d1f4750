"""autosplit.front."""
