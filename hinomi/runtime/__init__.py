"""The running program: receiver, workers, storer, responder and api under a supervisor.

The only place that knows all parts. Four commits, each inside one file with its own position:
A receiver → spool, B worker → hits, C responder → state store, D storer → event store.
"""
