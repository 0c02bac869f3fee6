"""The HTTP server under the routes."""
