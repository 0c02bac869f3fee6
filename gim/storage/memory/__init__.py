"""The memory store: everything in this process."""
