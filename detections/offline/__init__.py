"""The same rules over files, without a server: `hinomi detect`, `hinomi rule regression`."""
