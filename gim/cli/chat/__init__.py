"""The conversation on a terminal that ``gim chat`` is."""
