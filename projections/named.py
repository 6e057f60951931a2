"""The statements of `sql/queries.sql` by their names."""

import re
from functools import lru_cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@lru_cache(maxsize=1)
def _statements() -> dict[str, str]:
    text = files("projections").joinpath("sql", "queries.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return dict(zip(parts[::2], (sql.strip() for sql in parts[1::2]), strict=True))


def statement(name: str) -> str:
    """One statement's SQL."""
    return _statements()[name]
