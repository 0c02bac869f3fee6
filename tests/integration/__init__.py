"""Tests of real processes, servers and sockets."""

from twisted.internet.protocol import Factory

Factory.noisy = False  # trial -j carries each line of the log in a message, and most were of factories
