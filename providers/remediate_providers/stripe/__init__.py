"""Stripe: its API keys, and the webhook secrets that it signs with."""
