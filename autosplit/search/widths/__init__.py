"""autosplit.widths."""
