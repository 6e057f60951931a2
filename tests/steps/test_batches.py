"""Batches at both providers: submitted once, asked after by any process, fetched by key, at the price of a batch."""

from collections.abc import AsyncIterator, Callable

import pytest

from steps import prices
from steps.failure import ErrorClass, StepFailed
from steps.providers.content import said
from steps.providers.provider import Completion, Prompt, Provider, ProviderFailed
from steps.redact import Redactor
from steps.settings import StepSettings
from tests.steps.providing import CLAUDE, GEMINI, OPENAI, Provided, providing, set_keys

RULES = [{"match": {"prompt": "too much"}, "error": "overloaded"}, {"match": {"prompt": "no"}, "error": "refused"}]
KEYS = {"run/one#1": "first", "run/two[3]#1": "second", "run/three#1": "too much", "run/four#1": "no"}
WITHIN = 30.0


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


@pytest.fixture
async def provided() -> AsyncIterator[Provided]:
    async with providing(RULES) as provided:
        yield provided


Ask = Callable[[str], Provider]


@pytest.fixture
async def ask(provided: Provided) -> AsyncIterator[Ask]:
    """Makes providers, each as a process of its own would have it."""
    from steps.providers.claude.client import AnthropicProvider
    from steps.providers.gemini.client import GeminiProvider

    made: list[Provider] = []
    address = provided.server.address
    settings = StepSettings(anthropic_base_url=address, gemini_base_url=address)

    def make(model: str) -> Provider:
        made.append((AnthropicProvider if model == CLAUDE else GeminiProvider)(settings, Redactor()))
        return made[-1]

    yield make
    for provider in made:
        await provider.close()


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_a_batch_is_submitted_once_and_fetched_by_another_process(
    provided: Provided, ask: Ask, model: str
) -> None:
    submitting, asking = ask(model).batches(), ask(model).batches()
    assert submitting is not None
    assert asking is not None
    prompts = {key: Prompt(model, (said("user", text),), temperature=0.5) for key, text in KEYS.items()}
    batch = await submitting.submit(prompts, WITHIN)
    assert provided.server.ledger.billed == 3  # not the one that was refused with an error
    assert not (await asking.poll(batch, WITHIN)).ended
    while not (await asking.poll(batch, WITHIN)).ended:
        pass
    answers = await asking.fetch(batch, KEYS, WITHIN)
    assert answers.keys() == KEYS.keys()
    first, second, third, fourth = (answers[key] for key in KEYS)
    assert isinstance(first, Completion) and isinstance(second, Completion) and isinstance(fourth, Completion)
    assert (first.text, second.text) == (f"[{model}] first", f"[{model}] second")
    assert first.usage.input_tokens == 2
    assert isinstance(third, ProviderFailed)
    assert third.error_class in (ErrorClass.OVERLOADED, ErrorClass.UNAVAILABLE)
    assert fourth.error_class is ErrorClass.REFUSED
    assert provided.server.ledger.billed == 3


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_a_batch_can_be_cancelled_and_an_unknown_one_is_no_batch(ask: Ask, model: str) -> None:
    asked = ask(model)
    batches = asked.batches()
    assert batches is not None
    batch = await batches.submit({"k": Prompt(model, (said("user", "x"),))}, WITHIN)
    await batches.cancel(batch, WITHIN)
    assert (await batches.poll(batch, WITHIN)).ended
    with pytest.raises(ProviderFailed) as caught:
        await batches.poll("batches/b99" if model == GEMINI else "b99", WITHIN)
    assert caught.value.error_class is ErrorClass.FATAL


async def test_a_batch_at_google_is_of_one_model(ask: Ask) -> None:
    asked = ask(GEMINI)
    batches = asked.batches()
    assert batches is not None
    prompts = {model: Prompt(model, (said("user", "x"),)) for model in (GEMINI, "gemini-2.5-pro")}
    with pytest.raises(StepFailed, match="of one model"):
        await batches.submit(prompts, WITHIN)


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_tokens_are_counted_ahead_and_for_nothing(provided: Provided, ask: Ask, model: str) -> None:
    asked = ask(model)
    counted = await asked.count(Prompt(model, (said("user", "x" * 400),), system="y" * 40), WITHIN)
    assert counted == 110
    assert (provided.server.ledger.requests, provided.server.ledger.billed) == (1, 0)


async def test_who_has_no_batches_and_no_counting_says_so(provided: Provided) -> None:
    found = await provided.executor._models.providers.provider(OPENAI)
    assert found.batches() is None
    with pytest.raises(StepFailed, match="counts no tokens ahead"):
        await found.count(Prompt(OPENAI, (said("user", "x"),)), WITHIN)


@pytest.mark.parametrize(("name", "model"), [("anthropic", CLAUDE), ("google", GEMINI)])
async def test_a_batch_costs_half(name: str, model: str) -> None:
    from steps.providers.provider import Usage

    usage = Usage(input_tokens=1000, output_tokens=1000)
    plain = prices.cost(name, model, usage, 1_795_500_000_000_000)
    assert plain is not None
    assert prices.cost(name, model, usage, 1_795_500_000_000_000, batch=True) == plain / 2
