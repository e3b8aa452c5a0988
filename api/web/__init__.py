"""Pages for people without a login: templates and styles; their routes are `hinomi.api.routes.pages`."""
