"""autosplit.plan."""
