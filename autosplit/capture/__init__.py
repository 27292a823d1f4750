"""autosplit.capture."""
