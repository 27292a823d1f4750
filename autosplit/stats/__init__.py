"""autosplit.stats."""
