"""A client of gim that reconnects, catches up and sends each message once: docs/clients.md.

The core needs only the standard library: it opens no sockets and reads no clock.
"""
