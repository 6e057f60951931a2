"""Sample records for the tests of the archive."""

from streams.archive_format import Archived


def some(first: int, count: int) -> list[Archived]:
    """Records at so many offsets from the first on, no two alike."""
    return [
        Archived(n, 1000 + n, f"run-{n}".encode(), bytes([n % 251]) * (n % 40)) for n in range(first, first + count)
    ]


def pairs(first: int, count: int) -> list[tuple[bytes, bytes]]:
    """The same as (key, value)."""
    return [(record.key or b"", record.value or b"") for record in some(first, count)]
