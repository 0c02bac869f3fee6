"""The connection between the parent process and a worker: messages, questions and their answers."""
