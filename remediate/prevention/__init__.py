"""Never again: what keeps the secret, and the history that held it, from coming back."""
