"""The page for Prometheus."""
