"""The programs in examples/, run against a real daemon."""
