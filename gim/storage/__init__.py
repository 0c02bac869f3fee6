"""Where users, chatrooms and messages are kept, behind the protocols of `gim.storage.interface`."""
