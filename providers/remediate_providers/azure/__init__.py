"""Microsoft Entra: the secrets of application registrations."""
