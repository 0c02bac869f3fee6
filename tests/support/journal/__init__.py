"""Data directories for tests."""
