"""autosplit.cli."""
