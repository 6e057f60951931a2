"""List prices of models, dated and in tiers, from the price list that comes with genai-prices; no network."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from projections.changes import Row

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

#: Prices without a date were always in force.
ALWAYS = datetime(1970, 1, 1)
#: The threshold below the first tier: every call has more input than this.
NO_THRESHOLD = -1


def list_prices(provider: str, model: str) -> list[Row]:
    """Rows of `prices` for a model: one for each date on which a price begins, and each tier. None is known: no row."""
    found = _find(provider, model)
    if found is None:
        return []
    source = f"genai-prices {version('genai-prices')}"
    return [
        (provider, model, start, threshold, *units, found.id, source)
        for start in _starts(found)
        for threshold, *units in _tiers(found.get_prices(start.replace(tzinfo=UTC)))
    ]


def _find(provider: str, model: str) -> "ModelInfo | None":
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return found if _is_datable(found) else None


def _is_datable(model: "ModelInfo") -> bool:
    """Whether each price has a first day; prices by the time of day cannot be told by a date."""
    from genai_prices.types import ModelPrice, StartDateConstraint

    if isinstance(model.prices, ModelPrice):
        return True
    return all(p.constraint is None or isinstance(p.constraint, StartDateConstraint) for p in model.prices)


def _starts(model: "ModelInfo") -> list[datetime]:
    if not isinstance(model.prices, list):
        return [ALWAYS]
    days = {p.constraint.start_date for p in model.prices if p.constraint is not None}  # type: ignore[union-attr]
    return [ALWAYS, *(datetime.combine(day, time()) for day in sorted(days))]


def _tiers(price: "ModelPrice") -> Iterator[Row]:
    """(threshold, input, cache read, cache write, output) for each threshold of input tokens."""
    cache_read = price.cache_read_mtok if price.cache_read_mtok is not None else price.input_mtok
    cache_write = price.cache_write_mtok if price.cache_write_mtok is not None else price.input_mtok
    units = (price.input_mtok, cache_read, cache_write, price.output_mtok)
    if all(unit is None for unit in units):
        return
    thresholds = {tier.start for unit in units for tier in getattr(unit, "tiers", ())}
    for threshold in (NO_THRESHOLD, *sorted(thresholds)):
        yield (threshold, *(_above(unit, threshold) for unit in units))


def _above(unit: Any, threshold: int) -> Decimal | None:
    """A unit's price when the input is above the threshold."""
    if unit is None or isinstance(unit, Decimal):
        return unit
    price: Decimal = unit.base
    for tier in unit.tiers:
        if tier.start <= threshold:
            price = tier.price
    return price
