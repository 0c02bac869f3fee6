"""Where users, chatrooms and messages live, behind the seam in `gim.storage.interface`."""
