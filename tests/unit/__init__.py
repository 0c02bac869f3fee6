"""Tests without processes and real time, a folder for each room of gim."""

import gc

gc.set_threshold(50_000, 20, 20)  # to follow all objects of the tests takes 0.1 s
