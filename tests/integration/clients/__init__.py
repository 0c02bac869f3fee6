"""Long runs of the client libraries under faults, and an account of each message: see ``__main__``."""
