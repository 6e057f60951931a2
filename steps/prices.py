"""What a call costs, by the dated price list of genai-prices, which needs no network, under overrides of one's own."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from steps.price_overrides import Override
from steps.providers.provider import Usage

NANO = Decimal(1_000_000_000)


def cost(
    provider: str,
    model: str,
    usage: Usage,
    when: int,
    *,
    batch: bool = False,
    overrides: Sequence[Override] = (),
) -> int | None:
    """Billionths of a dollar, at the price of that moment (microseconds since the epoch); None where none is known."""
    moment = datetime.fromtimestamp(when / 1e6, UTC)
    own = [override for override in overrides if override.holds(model, moment)]
    if own:
        price = max(own, key=lambda override: override.since).price(usage, batch)
    else:
        price = _listed(provider, model, usage, moment, batch)
    return None if price is None else round(price * NANO)


def _listed(provider: str, model: str, usage: Usage, moment: datetime, batch: bool) -> Decimal | None:
    name = model.removeprefix("openai/")
    if not _is_priced(provider, name):
        return None
    plain = _calculated(provider, name, usage, moment, None)
    if not batch:
        return plain
    batched = _calculated(provider, name, usage, moment, {"processing": "batch"})
    return batched if batched != plain else None  # the list falls back to the plain price where it has none


def _calculated(provider: str, model: str, usage: Usage, moment: datetime, context: Any) -> Decimal:
    """Long prompts have a tier of their own in the list, for the whole request."""
    import genai_prices

    price = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens or None,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=moment,
        price_context=context,
    )
    return price.total_price


@lru_cache(maxsize=1024)
def _is_priced(provider: str, model: str) -> bool:
    import genai_prices

    try:
        genai_prices.calc_price(genai_prices.Usage(input_tokens=1), model, provider_id=provider)
    except LookupError:
        return False
    return True


def load() -> None:
    """Read the price list ahead of the first call: it takes a tenth of a second."""
    _is_priced("anthropic", "")
