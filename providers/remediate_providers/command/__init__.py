"""Any other credential, by the user's own programs."""
