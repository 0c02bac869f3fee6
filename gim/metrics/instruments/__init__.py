"""What counts and measures."""
