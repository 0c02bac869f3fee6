"""What the daemon counts and measures, and the page that shows it. docs/metrics.md has the table."""
