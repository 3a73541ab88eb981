"""Reports: one module a format, bytes to findings."""
