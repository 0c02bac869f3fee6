"""What clients that mean harm, or are broken, can do: docs/security.md says it threat by threat."""
