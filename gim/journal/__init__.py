"""The journal: records in files that survive the process."""
