"""The jobs. Each is a function that takes a `bench.results.Plan` and returns its tables."""
