"""Tests of gim.journal."""
