"""autosplit.grid."""
