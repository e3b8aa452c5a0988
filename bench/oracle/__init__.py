"""Sigma judged a second time: a slow evaluator, written from the specification and `docs/reference/sigma.md` alone."""
