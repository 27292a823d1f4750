"""autosplit.report."""
