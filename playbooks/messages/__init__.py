"""TODO (messages): compose(template, language, facts) -> Composed."""
