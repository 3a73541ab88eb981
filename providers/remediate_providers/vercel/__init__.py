"""Vercel: access tokens, and projects' environment variables."""
