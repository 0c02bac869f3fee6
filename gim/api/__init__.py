"""The HTTP side: the same `Chat` for backends and tools."""
