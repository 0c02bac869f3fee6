"""The Redis store: what several nodes share."""
