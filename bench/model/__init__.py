"""A model of gim with worker processes, for machines with more cores than the measured one."""
