"""How far a long work is: a bar with rate and time left on a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Told how many of how many are done; of 0 is: nobody knows.
OnProgress = Callable[[int, int], None]

#: Seconds between two lines, where there is no terminal.
TELL_EVERY = 5.0


@contextmanager
def progress(what: str, unit: str) -> Iterator[OnProgress]:
    """Shown where errors are shown, so that the output stays the command's own."""
    if sys.stderr.isatty():
        with _bar(what, unit) as on_progress:
            yield on_progress
    else:
        yield _lines(what, unit)


@contextmanager
def _bar(what: str, unit: str) -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(TextColumn(what), *columns, console=Console(stderr=True), transient=True) as bar:
        task, began = bar.add_task(what, total=None, rate=""), time.monotonic()

        def on_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None, rate=_rate(done, began, unit))

        yield on_progress


def _lines(what: str, unit: str) -> OnProgress:
    began = told = time.monotonic()

    def on_progress(done: int, total: int) -> None:
        nonlocal told
        if (now := time.monotonic()) - told >= TELL_EVERY:
            told = now
            of = f" of {total:,}, {max(0, total - done) * (now - began) / max(done, 1):.0f} s left" if total else ""
            print(f"{what}: {done:,} {unit}{of}, {_rate(done, began, unit)}", file=sys.stderr, flush=True)

    return on_progress


def _rate(done: int, began: float, unit: str) -> str:
    return f"{done / max(time.monotonic() - began, 1e-3):,.0f} {unit}/s"
