"""The description of the HTTP API, made from the routes."""
