"""A device that is cut off again and again, and what it ends with."""
