"""Bytes to typed packets and back. No Twisted, no clock."""
