"""autosplit.wire."""
