"""Who somebody is: login tokens, the keys that verify them, and the tool ``gim-token``."""
