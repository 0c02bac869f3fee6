"""The same random steps on one process on memory, and on workers or Redis: both must answer alike."""
