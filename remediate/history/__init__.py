"""git and bytes: find every copy of a secret, rewrite exactly, prove it. Knows nothing of credentials."""
