"""Posts events to a backend by HTTP: presence, messages, memberships. See docs/webhooks.md."""
