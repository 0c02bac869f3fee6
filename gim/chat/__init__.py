"""The domain: the rules of users, messages and chatrooms. No sockets, no codec."""
