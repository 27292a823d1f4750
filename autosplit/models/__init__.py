"""autosplit.models."""
