"""Log lines: what writes them, their format, where they go."""
