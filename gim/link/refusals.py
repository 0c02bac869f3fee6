"""Errors of the protocol as messages of a link, and back."""

from __future__ import annotations

from gim.errors import GimError, Unavailable
from gim.link.messages import Refused


def refused(ask: int, error: GimError) -> Refused:
    """Return the message of an error that the question *ask* ends in."""
    return Refused(ask, type(error).__name__, str(error), vars(error))


def error_of(message: Refused) -> GimError:
    """Return an error with the class, the text and the attributes of the one that was refused with.

    An error whose class this process does not have becomes `Unavailable`.
    """
    kind = _classes().get(message.kind, Unavailable)
    error = kind.__new__(kind, message.text)  # not the constructor, which may take something else
    vars(error).update(message.attributes)
    return error


def _classes() -> dict[str, type[GimError]]:
    """Return `GimError` and all classes below it by name."""
    found, waiting = dict[str, type[GimError]](), [GimError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting += kind.__subclasses__()
    return found
