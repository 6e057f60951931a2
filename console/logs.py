"""Log lines of worker and projector: ours by structlog and the libraries' own, in one form, on standard error."""

import logging
import sys
from typing import Any, Literal

#: Libraries that talk more than an operator wants to hear.
_QUIET = {
    "aiokafka": "error",
    "faust": "warning",
    "mode": "error",
    "streams.transport": "warning",
    "httpx2": "warning",
    "httpcore2": "warning",
}


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Everything from this level on is one line; below it nothing is made."""
    import structlog

    marks: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *marks, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=marks, processors=_last(form)))
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel("DEBUG" if level == "debug" else max(_number(quiet), _number(level)))


def _last(form: str) -> list[Any]:
    import structlog

    away = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if form == "json":
        return [away, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return [away, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)]


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
