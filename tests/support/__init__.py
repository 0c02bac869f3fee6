"""What tests share: worlds, pipes, processes, Redis servers."""
