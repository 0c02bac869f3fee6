"""Tells a backend by HTTP who comes and goes, what is sent, who joins: see docs/webhooks.md."""
