"""autosplit.detect."""
