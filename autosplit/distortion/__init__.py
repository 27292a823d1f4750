"""autosplit.distortion."""
