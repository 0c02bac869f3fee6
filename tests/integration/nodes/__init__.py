"""Several gim nodes on one Redis: child processes, real sockets, faults in the middle of traffic."""
