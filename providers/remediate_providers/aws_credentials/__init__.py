"""A profile of ``~/.aws/credentials`` as a store."""
