"""Addresses: where gim listens, who connects, which web pages may."""
