"""The process: its parts, how it starts and stops, signals."""
