"""Worker processes: what they are started with, their sockets, how they are watched."""
