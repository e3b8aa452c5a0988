"""TODO (directory)."""
