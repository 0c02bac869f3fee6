"""Dumps: all that a storage keeps as lines of JSON, and the way back."""
