"""Dollars: exact sums, list prices by date and tier, and calls that nobody can price."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.prices import list_prices
from projections.query import query
from projections.store import Store
from schemas import events as e
from schemas.message import ModelCall
from tests.projections.histories import Log, Owner, Story, project

NANO = Decimal("0.000000001")
TIER = 200_000
YEAR_2026 = 1_780_000_000_000_000
YEAR_2027 = 1_800_000_000_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("costs")


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_the_total_is_the_sum_by_run_day_workflow_and_model(folder: Path, seed: int) -> None:
    path = folder / str(seed)
    path.unlink(missing_ok=True)
    with Store(path, "t") as store:
        batch_costs = _recorded(store, seed)
    recorded, unknown = batch_costs
    total, recorded_total, unpriced = query(
        path, "SELECT sum(usd), sum(recorded_usd), count(*) FILTER (unpriced) FROM priced_calls"
    ).rows[0]
    assert (recorded_total or 0) == recorded * NANO
    assert unpriced <= unknown
    for view in ("run_costs", "cost_by_day", "cost_by_workflow", "cost_by_model"):
        summed = query(path, f"SELECT sum(usd), sum(unpriced) FROM {view}").rows[0]
        assert ((summed[0] or 0), (summed[1] or 0)) == ((total or 0), unpriced)


def _recorded(store: Store, seed: int) -> tuple[int, int]:
    """Nano-dollars that were recorded, and how many calls had no cost; each call once, however often it was told."""
    records = Story(seed, 150).log.records()
    intake = project(store, [])
    batch = intake.take(records)
    store.apply(batch)
    costs = [call["cost_nanousd"] for call in batch.model_calls.changed.values()]
    return sum(cost for cost in costs if cost is not None), costs.count(None)


def test_one_nano_dollar_in_a_million_dollars_is_not_lost(store: Store) -> None:
    calls = [ModelCall("own", "x", 1, 1, cost=cost) for cost in (10**15, 1, 2**63 - 1)]
    _one_run(store, calls)
    usd = query(_closed(store), "SELECT usd FROM run_costs").rows
    assert usd == [((10**15 + 1 + 2**63 - 1) * NANO,)]


def test_a_call_without_a_price_is_unknown_and_not_free(store: Store) -> None:
    _one_run(store, [ModelCall("own", "x", 10, 10), ModelCall("anthropic", "claude-nope-9", 10, 10)])
    rows = query(_closed(store), "SELECT usd, unpriced, calls FROM run_costs").rows
    assert rows == [(None, 2, 2)]


def test_what_is_known_is_summed_beside_what_is_not(store: Store) -> None:
    _one_run(store, [ModelCall("own", "x", 10, 10), ModelCall("own", "x", 10, 10, cost=5)])
    assert query(_closed(store), "SELECT usd, unpriced FROM run_costs").rows == [(5 * NANO, 1)]


def test_a_run_without_calls_costs_nothing(store: Store) -> None:
    _one_run(store, [])
    assert query(_closed(store), "SELECT usd, calls, unpriced FROM run_costs").rows == [(Decimal(0), 0, 0)]


def test_the_recorded_cost_stands_beside_the_list_price(store: Store) -> None:
    _one_run(store, [ModelCall("anthropic", "claude-opus-5-5", 1000, 100, 200, 300, cost=7, started=YEAR_2026)])
    recorded, listed, usd = query(_closed(store), "SELECT recorded_usd, listed_usd, usd FROM priced_calls").rows[0]
    # 500 × $4 + 200 × $0.2 + 300 × $5 + 100 × $20 a million
    assert (recorded, listed, usd) == (7 * NANO, Decimal("0.005540000"), 7 * NANO)


def test_a_call_recorded_without_a_cost_has_the_list_price(store: Store) -> None:
    _one_run(store, [ModelCall("google", "gemini-2.5-pro", 100, 10, started=YEAR_2026)])
    assert query(_closed(store), "SELECT usd, unpriced FROM priced_calls").rows == [(Decimal("0.000225"), False)]


def test_a_price_counts_from_its_day_on(store: Store) -> None:
    when = (YEAR_2026, YEAR_2027)
    _one_run(store, [ModelCall("google", "gemini-3.8-flash", 1000, 0, started=time) for time in when])
    sql = "SELECT listed_usd FROM priced_calls ORDER BY started_at"
    assert query(_closed(store), sql).rows == [(Decimal("0.00075"),), (Decimal("0.0015"),)]


def test_a_long_input_has_the_price_of_its_tier(store: Store) -> None:
    _one_run(store, [ModelCall("google", "gemini-2.5-pro", n, 0, started=YEAR_2026) for n in (TIER, TIER + 1)])
    rows = query(_closed(store), "SELECT listed_usd FROM priced_calls ORDER BY input_tokens").rows
    assert rows == [(TIER * Decimal("1.25") / 10**6,), ((TIER + 1) * Decimal("2.5") / 10**6,)]


def test_absurd_token_counts_break_no_query(store: Store) -> None:
    absurd = 2**63 - 1
    _one_run(store, [ModelCall("google", "gemini-2.5-pro", absurd, absurd, started=YEAR_2026)])
    assert query(_closed(store), "SELECT listed_usd, unpriced FROM priced_calls").rows == [(None, True)]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-haiku-4-5", "gemini-2.5-pro", "gemini-3.8-flash"])
@pytest.mark.parametrize("started", [YEAR_2026, YEAR_2027])
@pytest.mark.parametrize("tokens", [1, 1000, TIER, TIER + 1])
def test_list_prices_are_those_of_the_price_list(store: Store, model: str, started: int, tokens: int) -> None:
    import genai_prices

    provider = "anthropic" if model.startswith("claude") else "google"
    read, written, out = tokens // 4, tokens // 5, tokens // 3
    _one_run(store, [ModelCall(provider, model, tokens, out, read, written, started=started)])
    expected = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=tokens, output_tokens=out, cache_read_tokens=read, cache_write_tokens=written),
        model,
        provider_id=provider,
        genai_request_timestamp=datetime.fromtimestamp(started / 1e6),
    )
    (listed,) = query(_closed(store), "SELECT listed_usd FROM priced_calls").rows[0]
    assert abs(listed - expected.total_price) <= NANO / 2


def test_models_that_nobody_lists_have_no_price() -> None:
    assert list_prices("own", "x") == []
    assert list_prices("anthropic", "claude-nope-9") == []


def test_a_price_by_the_time_of_day_is_not_a_dated_price(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, time

    from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, ModelPrice, TimeOfDateConstraint

    night = TimeOfDateConstraint(start_time=time(1, tzinfo=UTC), end_time=time(5, tzinfo=UTC))
    prices = [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(2))),
        ConditionalPrice(night, prices=ModelPrice(input_mtok=Decimal(1))),
    ]
    owl = ModelInfo("owl", ClauseEquals("owl"), prices=prices)

    class Snapshot:
        def find_provider_model(self, *_: object) -> tuple[None, ModelInfo]:
            return None, owl

    monkeypatch.setattr("genai_prices.data_snapshot.get_snapshot", Snapshot)
    assert list_prices("own", "owl") == []


def _one_run(store: Store, calls: list[ModelCall]) -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("run-1")
    owner.schedule("run-1", "a")
    owner.succeed("run-1", "a", 1, calls)
    owner.write(e.RunSucceeded, "run-1", outputs=b"1")
    project(store, log.records())


def _closed(store: Store) -> Path:
    store.close()
    return store.path
