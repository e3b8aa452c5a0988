"""One module per resource; each has a ``router``, and `hinomi.api.app` includes them all."""
