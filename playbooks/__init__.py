"""What to do about it: alerts, incidents, durable playbook runs, vendors and messages."""
