"""Parts of gim with real sockets at both ends, in the process of the test."""
