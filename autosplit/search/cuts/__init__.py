"""autosplit.cuts."""
