"""Prices of one's own: by the day, with caches, batches and long prompts; what is not known is never nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from steps import prices
from steps.price_overrides import Override, PricesInvalid, load_overrides
from steps.providers.provider import Usage

FILE = """
- {model: "claude-sonnet-*", input: 3, output: 15}
- model: claude-sonnet-9
  since: 2026-03-01
  input: 2
  output: 10
  cache_read: 0.2
  cache_write: 2.5
  cache_write_1h: 4
  batch: 0.5
  above: {tokens: 200000, input: 4, output: 15}
- {model: "openai/llama-*", input: 0, output: 0}
"""


@pytest.fixture
def overrides(tmp_path: Path) -> list[Override]:
    path = tmp_path / "prices.yaml"
    path.write_text(FILE, encoding="utf-8")
    return load_overrides(path)


def when(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp() * 1e6)  # type: ignore[misc, arg-type]


def cost(overrides: list[Override], model: str, usage: Usage, moment: int, batch: bool = False) -> int | None:
    return prices.cost("anthropic", model, usage, moment, batch=batch, overrides=overrides)


USAGE = Usage(input_tokens=1000, output_tokens=100)


def test_the_latest_price_that_has_begun_holds(overrides: list[Override]) -> None:
    assert cost(overrides, "claude-sonnet-9", USAGE, when(2026, 2, 28)) == 1000 * 3000 + 100 * 15000
    assert cost(overrides, "claude-sonnet-9", USAGE, when(2026, 3, 1)) == 1000 * 2000 + 100 * 10000


def test_an_own_price_goes_before_the_list(overrides: list[Override]) -> None:
    usage = Usage(input_tokens=1000)
    assert cost([], "claude-sonnet-4-5", usage, when(2026, 3, 1)) == 1000 * 3000
    assert cost(overrides, "claude-sonnet-4-5", USAGE, when(2026, 3, 1)) == 1000 * 3000 + 100 * 15000


def test_cached_tokens_have_their_own_prices_or_that_of_the_input(overrides: list[Override]) -> None:
    usage = Usage(input_tokens=1000, cache_read_tokens=600, cache_write_tokens=300, cache_write_1h_tokens=100)
    expected = 100 * 2000 + 600 * 200 + 200 * 2500 + 100 * 4000
    assert cost(overrides, "claude-sonnet-9", usage, when(2026, 4, 1)) == expected
    assert cost(overrides, "claude-sonnet-9", usage, when(2026, 2, 1)) == 1000 * 3000


def test_a_long_prompt_changes_the_price_of_the_whole_call(overrides: list[Override]) -> None:
    usage = Usage(input_tokens=200_001, output_tokens=100, cache_read_tokens=1)
    expected = 200_000 * 4000 + 200 + 100 * 15000
    assert cost(overrides, "claude-sonnet-9", usage, when(2026, 4, 1)) == expected
    listed = [
        prices.cost("google", "gemini-2.5-pro", Usage(input_tokens=n), when(2026, 11, 1)) for n in (1000, 300_000)
    ]
    assert listed[0] is not None
    assert listed[1] is not None
    assert listed[1] == 2 * 300 * listed[0]


def test_a_batch_without_a_known_price_has_none(overrides: list[Override]) -> None:
    assert cost(overrides, "claude-sonnet-9", USAGE, when(2026, 4, 1), batch=True) == (1000 * 2000 + 100 * 10000) / 2
    assert cost(overrides, "claude-sonnet-9", USAGE, when(2026, 2, 1), batch=True) is None


def test_an_unknown_price_is_none_and_a_free_model_is_free(overrides: list[Override]) -> None:
    assert cost([], "claude-sonnet-9", USAGE, when(2026, 4, 1)) is None
    assert prices.cost("openai", "openai/llama-3", USAGE, when(2026, 4, 1)) is None
    assert prices.cost("openai", "openai/llama-3", USAGE, when(2026, 4, 1), overrides=overrides) == 0


def test_no_file_no_overrides() -> None:
    assert load_overrides(None) == []


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("x: 1", "prices are a list"),
        ("- 5", "price 1: must be a mapping"),
        ("- {model: m, input: 1}", "price 1: `output` is missing"),
        ("- {model: m, input: 1, output: 1, cached: 1}", "price 1: unknown key 'cached'"),
        ("- {model: m, input: free, output: 1}", "price 1: input: 'free' is no price"),
        ("- {model: m, input: -1, output: 1}", "price 1: input: -1 is no price"),
        ("- {model: m, input: true, output: 1}", "price 1: input: True is no price"),
        ("- {model: m, input: 1, output: 1, since: soon}", "price 1: `since` is a day such as 2026-03-01"),
        ("- {model: m, input: 1, output: 1, above: {input: 2}}", "price 1: above: `tokens` is missing"),
        ("- {model: [", "can't be read"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, written: str, reason: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(PricesInvalid) as mistake:
        load_overrides(path)
    assert str(path) in str(mistake.value)
    assert reason in str(mistake.value)


def test_a_moment_may_be_given_to_the_second(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("- {model: m, input: 1, output: 1, since: 2026-03-01T12:00:00}", encoding="utf-8")
    [override] = load_overrides(path)
    assert override.since == datetime(2026, 3, 1, 12, tzinfo=UTC)
