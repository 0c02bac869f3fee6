"""Counters and timers for the parts of the daemon."""
