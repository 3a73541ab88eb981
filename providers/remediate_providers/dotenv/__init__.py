"""A ``.env`` file as a store."""
