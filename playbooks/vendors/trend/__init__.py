"""Trend Vision One."""
