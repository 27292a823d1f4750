"""autosplit.sweep."""
