"""The matcher: rules compiled to data, data to predicates, predicates routed by log source."""
