"""The domain: who is here, what is sent, what is pushed and when. No sockets, no codec."""
