"""What a call costs, by the dated price list of genai-prices, which needs no network."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from steps.providers.provider import Usage

NANO = Decimal(1_000_000_000)


def cost(provider: str, model: str, usage: Usage, when: int) -> int | None:
    """Billionths of a dollar, at the price of that moment (microseconds since the epoch); None where none is known."""
    if not _is_priced(provider, model):
        return None
    import genai_prices

    price = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=datetime.fromtimestamp(when / 1e6, UTC),
    )
    return round(price.total_price * NANO)


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
