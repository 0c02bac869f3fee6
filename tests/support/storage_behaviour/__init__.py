"""The behaviour that every storage shares: test cases that a storage inherits."""
