"""The Redis client: protocol, connections, servers, Sentinels, Cluster."""
