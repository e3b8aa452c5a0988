"""A fire watch-tower for schools: collect, detect, respond, report, and prove it afterwards."""

__version__ = "0.1.0"
