"""Alerts and incidents: what hits become, and what people do with them."""
