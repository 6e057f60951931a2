"""Prices: exact, dated, and None where nobody knows."""

import datetime

from steps import prices
from steps.providers.provider import Usage

NOW = int(datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC).timestamp() * 1e6)


def test_a_price_is_exact_to_the_billionth() -> None:
    assert prices.cost("anthropic", "claude-haiku-4-5", Usage(input_tokens=1, output_tokens=1), NOW) == 1000 + 5000
    assert prices.cost("google", "gemini-2.5-flash", Usage(input_tokens=1), NOW) == 300


def test_cached_input_is_cheaper_and_counted_once() -> None:
    usage = Usage(input_tokens=1000, cache_read_tokens=600, cache_write_tokens=300)
    assert prices.cost("anthropic", "claude-haiku-4-5", usage, NOW) == 100 * 1000 + 600 * 100 + 300 * 1250


def test_the_price_is_that_of_the_moment() -> None:
    usage = Usage(input_tokens=1000)
    later = NOW + 90 * 24 * 3600 * 1_000_000
    before, after = (prices.cost("google", "gemini-3.8-flash", usage, when) for when in (NOW, later))
    assert before is not None
    assert after == 2 * before


def test_an_unknown_price_is_not_nothing() -> None:
    usage = Usage(input_tokens=1000)
    assert prices.cost("anthropic", "claude-of-tomorrow", usage, NOW) is None
    assert prices.cost("scripted", "house-model", usage, NOW) is None


def test_a_free_call_of_a_priced_model_costs_nothing() -> None:
    assert prices.cost("anthropic", "claude-haiku-4-5", Usage(), NOW) == 0


def test_the_list_can_be_read_ahead() -> None:
    prices.load()
    assert prices.cost("anthropic", "claude-haiku-4-5", Usage(input_tokens=1), NOW) == 1000
