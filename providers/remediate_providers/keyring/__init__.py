"""The operating system's keyring as a store."""
