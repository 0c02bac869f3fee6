"""What an administrator can see of all nodes."""
