"""autosplit.quantize."""
