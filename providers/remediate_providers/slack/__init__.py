"""Slack: bot, user and app tokens, and incoming webhooks."""
