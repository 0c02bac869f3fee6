"""A look at a Redis before gim starts."""
