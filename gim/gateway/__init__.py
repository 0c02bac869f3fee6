"""The WebSocket side: connections, their packets and their timeouts."""
