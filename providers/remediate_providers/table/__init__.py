"""One table for every vendor whose credentials are recognised by their shape and handled by hand for now."""
