"""autosplit.evaluate."""
