"""Slack: the channel, how its cards look, and a simulator of the Web API."""
