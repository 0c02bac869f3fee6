"""From any exception to the `GimError` that the client gets."""

from __future__ import annotations

from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug import exceptions

from gim.errors import BadRequest, GimError, InternalError, MethodNotAllowed, NotFound
from gim.log.logger import Logger, new_trace, traced

_log = Logger()


def refusal(request: IRequest, failure: Failure) -> GimError:
    """Return the refusal of a request that failed; a fault of the server is logged."""
    match failure.value:
        case GimError() as error:
            return error
        case exceptions.MethodNotAllowed(valid_methods=methods):
            return MethodNotAllowed(", ".join(sorted(methods or ())))
        case exceptions.HTTPException():
            return no_such_path()
    return fault(request, failure)


def no_such_path() -> NotFound:
    """Return the refusal of a path that has no route."""
    return NotFound("no such path: /docs lists all paths")


def undecodable_path() -> BadRequest:
    """Return the refusal of a path or method that is not text."""
    return BadRequest("write the path in percent-encoded UTF-8 and the method in ASCII")


def fault(request: IRequest, failure: Failure) -> InternalError:
    """Log a fault of the server and return the error that the client gets."""
    trace = getattr(request, "trace", "") or new_trace()
    with traced(trace):
        _log.failure("serving {method} {path} failed", failure, method=request.method, path=request.path)
    return InternalError(trace)
