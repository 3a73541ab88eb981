"""PostgreSQL: the password in a connection URL."""
