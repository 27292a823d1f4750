"""autosplit.hardware."""
