"""The memory store on a journal: its changes as records, its state in portions, and both read again."""
