"""A leak, local vendors, and the whole pipeline, on a laptop with no account anywhere."""
