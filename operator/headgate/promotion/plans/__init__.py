"""A promotion or rollback: computed, written down, executed."""
