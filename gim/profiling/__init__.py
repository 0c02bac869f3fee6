"""Where the process spends its CPU and its memory, asked for while it serves."""
