"""The Redis storage: users, sessions and messages that several nodes share."""
