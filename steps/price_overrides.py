"""Prices of one's own, over those of the list: a contract's, or of models that the list doesn't know.

A YAML file such as this, in dollars a million tokens:

    - model: "claude-sonnet-*"          # a pattern
      since: 2026-03-01                 # of several that fit, the latest one that has begun holds
      input: 2.4
      output: 12
      cache_read: 0.24                  # as `input` where it isn't given
      cache_write: 3
      cache_write_1h: 4.8               # as `cache_write` where it isn't given
      batch: 0.5                        # times the price; without it, a batch's price is not known
      above: {tokens: 200000, input: 4.8, output: 18}   # for a whole call with more input than that
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from steps.providers.provider import Usage

_MILLION = Decimal(1_000_000)
_RATES = {"input", "output", "cache_read", "cache_write", "cache_write_1h"}
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class PricesInvalid(ValueError):
    """The file can't be used; says where and why."""


@dataclass(frozen=True, slots=True)
class Override:
    model: str
    since: datetime
    rates: dict[str, Decimal]
    batch: Decimal | None = None
    above: tuple[int, dict[str, Decimal]] | None = None

    def holds(self, model: str, moment: datetime) -> bool:
        return self.since <= moment and fnmatchcase(model, self.model)

    def price(self, usage: Usage, batch: bool) -> Decimal | None:
        """Dollars."""
        if batch and self.batch is None:
            return None
        rates = self.rates
        if self.above is not None and usage.input_tokens > self.above[0]:
            rates = rates | self.above[1]
        total = sum((rates[name] * count for name, count in _counted(usage, rates)), Decimal(0)) / _MILLION
        return total * (self.batch if batch and self.batch is not None else 1)


def _counted(usage: Usage, rates: dict[str, Decimal]) -> list[tuple[str, int]]:
    hour = usage.cache_write_1h_tokens if "cache_write_1h" in rates else 0
    counts = {
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens - hour,
        "cache_write_1h": hour,
    }
    priced = {name: count for name, count in counts.items() if name in rates}
    return [("input", usage.input_tokens - sum(priced.values())), ("output", usage.output_tokens), *priced.items()]


def load_overrides(path: Path | None) -> list[Override]:
    if path is None:
        return []
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PricesInvalid(f"{path}: the prices can't be read: {error}") from error
    if not isinstance(document, list):
        raise PricesInvalid(f"{path}: prices are a list of {{model: …, input: …, output: …}}")
    return [_override(written, f"{path}: price {number}") for number, written in enumerate(document, 1)]


def _override(written: Any, place: str) -> Override:
    _check_keys(written, {"model", "since", "batch", "above"} | _RATES, {"model", "input", "output"}, place)
    above = written.get("above")
    if above is not None:
        _check_keys(above, {"tokens"} | _RATES, {"tokens"}, f"{place}: above")
    return Override(
        model=str(written["model"]),
        since=_moment(written.get("since"), place),
        rates=_rates(written, place),
        batch=_number(written["batch"], f"{place}: batch") if "batch" in written else None,
        above=None if above is None else (int(_number(above["tokens"], place)), _rates(above, f"{place}: above")),
    )


def _rates(written: dict[str, Any], place: str) -> dict[str, Decimal]:
    return {name: _number(written[name], f"{place}: {name}") for name in _RATES & written.keys()}


def _number(written: Any, place: str) -> Decimal:
    if isinstance(written, bool) or not isinstance(written, int | float) or written < 0:
        raise PricesInvalid(f"{place}: {written!r} is no price")
    return Decimal(str(written))


def _moment(written: Any, place: str) -> datetime:
    """A day begins at midnight, UTC."""
    if written is None:
        return _BEGINNING
    if isinstance(written, datetime):
        return written if written.tzinfo else written.replace(tzinfo=UTC)
    if isinstance(written, date):
        return datetime(written.year, written.month, written.day, tzinfo=UTC)
    raise PricesInvalid(f"{place}: `since` is a day such as 2026-03-01, not {written!r}")


def _check_keys(written: Any, allowed: set[str], needed: set[str], place: str) -> None:
    if not isinstance(written, dict):
        raise PricesInvalid(f"{place}: must be a mapping")
    if unknown := sorted(map(str, written.keys() - allowed)):
        raise PricesInvalid(f"{place}: unknown key {unknown[0]!r}; the keys are {', '.join(sorted(allowed))}")
    if missing := sorted(needed - written.keys()):
        raise PricesInvalid(f"{place}: `{missing[0]}` is missing")
