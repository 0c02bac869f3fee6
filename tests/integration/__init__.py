"""Tests of real processes, servers and sockets."""
