"""Files within files: gzip, zip, tar, bzip2, xz, SQLite; opened, changed inside and packed again.

Used by finding and replacing. The verifier opens them in a way of its own (`history/unpacking.py`).
"""
