"""Builds every part and hands it what it needs: nothing else knows concrete classes."""
