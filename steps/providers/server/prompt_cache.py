"""The providers' caches of prompts: the longest beginning that was sent before is read again, for less."""

import hashlib
import time
from collections.abc import Callable

#: Tokens below which nothing is cached.
LEAST = 1024
SECONDS = {"5m": 300.0, "1h": 3600.0}


class PromptCache:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[bytes, float] = {}

    def look(self, model: str, prefix: list[str], tokens: Callable[[str], int], keep: str) -> tuple[int, int]:
        """Tokens read from the cache, and tokens written to it. Every beginning is known from now on."""
        read = total = 0
        digest, now = hashlib.sha256(model.encode()), self._clock()
        for part in prefix:
            digest.update(part.encode() + b"\0")
            total += tokens(part)
            mark = digest.digest()
            if total >= LEAST:
                read = total if self._until.get(mark, 0) > now else read
                self._until[mark] = now + SECONDS.get(keep, SECONDS["5m"])
        return read, total - read if total >= LEAST else 0
