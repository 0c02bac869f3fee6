"""Tests without processes and real time, a folder for each room of gim."""
