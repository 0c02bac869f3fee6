"""Limits, counts of what reached them, and overload."""
