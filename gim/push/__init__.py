"""Push policy: who gets which message when."""
