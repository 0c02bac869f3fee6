"""gim: a simple and fast instant-messaging server on Twisted."""

__version__ = "1.0.0"
