"""What an operator can do about a refusal: the option of the server that it comes from."""

from __future__ import annotations

_OPTIONS = (  # code, words in the sentence, option
    ("429", "messages in a second", "--max-send-rate"),
    ("429", "packets a second", "--max-packet-rate and --max-packet-burst"),
    ("429", "rows and KiB", "--max-read-rate"),
    ("429", "from this address", "--max-address-connections"),
    ("503", "too many connections", "--max-connections, or the limit of open files"),
    ("503", "overloaded", "--max-reactor-delay or --max-memory"),
    ("409", "connections, the maximum", "--max-user-connections"),
    ("409", "members, the maximum", "--max-chatroom-members"),
    ("409", "chatrooms, the maximum", "--max-user-chatrooms"),
    ("413", "", "--max-content"),
    ("1009", "", "--max-packet"),
    ("3013", "", "--max-packet-rate and --max-packet-burst"),
    ("3504", "", "--max-user-connections"),
)


def option_for(code: str, sentence: str) -> str:
    """Return the option of the server that sets the limit, "" if it is not a limit."""
    return next((option for known, words, option in _OPTIONS if known == code and words in sentence), "")


def with_advice(code: str, sentence: str) -> str:
    """Return a sentence, with the option to raise where it tells of a limit."""
    option = option_for(code, sentence)
    return f"{sentence}; the limit is {option} of the server" if option else sentence
