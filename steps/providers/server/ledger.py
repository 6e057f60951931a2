"""What the server was asked and what it billed: the judge of what was paid, and whether twice."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

#: Calls that are kept; the sums go on.
KEPT = 100_000


@dataclass(slots=True)
class Entry:
    """One request. `fault` is what it was answered with; nothing is billed for what was refused with an error."""

    number: int
    provider: str
    path: str
    model: str
    text: str
    key: str
    body: dict[str, Any]
    fault: str = ""
    billed: bool = False
    input_tokens: int = 0
    output_tokens: int = 0


class Ledger:
    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.requests = 0
        self.billed = 0
        self.at_once = 0
        self.most_at_once = 0

    def enter(self, **facts: Any) -> Entry:
        self.requests += 1
        entry = Entry(self.requests, **facts)
        self.entries.append(entry)
        return entry

    @contextmanager
    def under_way(self) -> Iterator[None]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            self.at_once -= 1

    def bill(self, entry: Entry, input_tokens: int, output_tokens: int) -> None:
        self.billed += 1
        entry.billed, entry.input_tokens, entry.output_tokens = True, input_tokens, output_tokens

    def as_json(self) -> dict[str, Any]:
        return {"requests": self.requests, "billed": self.billed, "entries": [asdict(entry) for entry in self.entries]}
