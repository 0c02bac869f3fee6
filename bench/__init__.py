"""The benchmark: see bench/README.md. Run it with ``python -m bench`` from the root of the project."""
