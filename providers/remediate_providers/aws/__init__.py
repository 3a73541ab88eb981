"""Amazon Web Services: access keys, Secrets Manager, SSM parameters, and a local stand-in."""
