"""The conditions of a promotion, each by name. Pure: each fails closed."""
