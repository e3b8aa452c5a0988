"""``hinomi drill``: the documented flow on the user's own directory and playbooks, with the products simulated."""
