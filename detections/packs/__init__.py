"""Packs of rules: Sigma files that came as one (a folder, a zip, a tar.gz), kept by content, switched on and off.

`archive` reads one within bounds, `shelf` keeps them in the data folder and says which are on. What is kept is data:
no folder of it is ever on ``sys.path``, and workers read it without the state store.
"""
