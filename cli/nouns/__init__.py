"""One module per noun; its click command is called ``command``. A new noun is a new file."""
