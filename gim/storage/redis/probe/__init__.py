"""Checks, before gim starts, that it can use its Redis."""
