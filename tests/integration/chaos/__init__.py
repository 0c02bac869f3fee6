"""Random faults under random traffic, and an account of all of it afterwards: see ``__main__``."""
