"""What the operator wrote, and how it becomes settings."""
