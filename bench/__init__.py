"""Measures hinomi as it is shipped: real processes, sockets and files on loopback. ``python -m bench --help``."""
