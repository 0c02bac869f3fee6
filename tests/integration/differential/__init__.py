"""The same random steps on the memory store and on Redis: both must answer alike."""
