"""GitHub: its tokens, and the places where it keeps secrets."""
