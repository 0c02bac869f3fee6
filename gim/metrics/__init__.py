"""Counters and durations of the daemon, and the page that shows them: see docs/metrics.md."""
