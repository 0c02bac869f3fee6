"""The memory store of the parent process, as the workers use it over their links."""
