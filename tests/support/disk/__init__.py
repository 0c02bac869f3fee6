"""A disk that fails, is full or loses its power when a test says so."""
