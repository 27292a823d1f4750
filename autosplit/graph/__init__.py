"""autosplit.graph."""
