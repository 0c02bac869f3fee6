"""Periodic jobs, pauses between attempts, waiting for several results, the time in ms."""
