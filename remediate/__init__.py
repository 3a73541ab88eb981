"""A leaked credential, from the scanner's report to a verified end."""

__version__ = "0.1.0"
