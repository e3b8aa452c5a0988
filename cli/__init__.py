"""What operators type: ``hinomi <noun> <verb>``; one module per noun in `hinomi.cli.nouns`."""
