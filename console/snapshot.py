"""Asks the projections' snapshot; what is wrong with it is told as ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from console.failure import Failure


@contextmanager
def asking() -> Iterator[None]:
    """Turns what the projections raise into a Failure."""
    from projections.query import NoSnapshot, QueryFailed
    from projections.runs import RunUnknown

    try:
        yield
    except (NoSnapshot, QueryFailed, RunUnknown) as error:
        what, _, rest = str(error).partition("\n")
        raise Failure(what, lines=tuple(f"  {line}".rstrip() for line in rest.splitlines())) from error
