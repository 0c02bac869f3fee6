"""Tests of gim.storage.transfer."""
