"""What all commands of ``gim`` share: options, contexts, the HTTP client, output."""
