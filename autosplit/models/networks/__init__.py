"""autosplit.networks."""
