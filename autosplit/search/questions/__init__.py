"""autosplit.questions."""
