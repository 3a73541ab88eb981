"""Google Cloud: the keys of service accounts."""
