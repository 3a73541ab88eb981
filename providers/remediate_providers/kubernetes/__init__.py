"""Kubernetes: Secrets and ExternalSecrets as stores, service-account tokens as credentials."""
