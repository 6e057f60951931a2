"""What an HTTP status says about another attempt."""

from steps.failure import ErrorClass

_CLASSES = {
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    407: ErrorClass.AUTH,
    408: ErrorClass.TIMEOUT,
    425: ErrorClass.UNAVAILABLE,
    429: ErrorClass.RATE_LIMITED,
    529: ErrorClass.OVERLOADED,
}


def class_of(status: int) -> ErrorClass:
    if status in _CLASSES:
        return _CLASSES[status]
    return ErrorClass.UNAVAILABLE if status >= 500 else ErrorClass.FATAL
