"""The clouds: the same SDKs ask Claude on Bedrock and Vertex, and Gemini on Vertex, with those clouds' credentials."""

import datetime
from typing import Any

import orjson
import pytest

from tests.steps.providing import CLAUDE, GEMINI, Provided, providing

BEDROCK = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as `gcloud auth application-default login` leaves them, but not theirs."""
    import google.auth
    from google.auth import credentials

    class Ours(credentials.Credentials):  # type: ignore[misc, no-untyped-call]
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.token = "cloud-token"
            self.expiry = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(hours=1)

        def refresh(self, request: Any) -> None: ...

        def with_quota_project(self, quota_project_id: str) -> "Ours":
            return self

    monkeypatch.setattr(google.auth, "default", lambda *_, **__: (Ours(), "a-project"))


async def answered(provided: Provided, model: str) -> None:
    outcome = await provided.ask(model, timeout=60_000_000)
    assert outcome.status == "succeeded", outcome
    assert orjson.loads(outcome.output or b"").endswith("Hi")
    assert outcome.calls[0].cost is not None


async def test_claude_on_bedrock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "cloud-token")
    async with providing(claude_by="bedrock") as provided:
        await answered(provided, BEDROCK)
        assert provided.last.path == f"/model/{BEDROCK}/invoke"
        assert provided.last.key == "cloud-token"
        assert provided.last.body["anthropic_version"]


async def test_claude_on_vertex(monkeypatch: pytest.MonkeyPatch, google: None) -> None:
    monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "a-project")
    monkeypatch.setenv("CLOUD_ML_REGION", "europe-west4")
    async with providing(claude_by="vertex") as provided:
        await answered(provided, CLAUDE)
        place = "/projects/a-project/locations/europe-west4/publishers/anthropic/models"
        assert provided.last.path == f"{place}/{CLAUDE}:rawPredict"
        assert provided.last.key == "cloud-token"


async def test_gemini_on_vertex(monkeypatch: pytest.MonkeyPatch, google: None) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "a-project")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    async with providing(gemini_by="vertex") as provided:
        await answered(provided, GEMINI)
        place = "projects/a-project/locations/europe-west4/publishers/google/models"
        assert provided.last.path.endswith(f"{place}/{GEMINI}:generateContent")
        assert provided.last.key == "cloud-token"


@pytest.mark.parametrize(("model", "settings"), [(CLAUDE, {"claude_by": "vertex"}), (GEMINI, {"gemini_by": "vertex"})])
async def test_without_a_cloud_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, model: str, settings: dict[str, Any]
) -> None:
    for name in ("ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    async with providing(**settings) as provided:
        outcome = await provided.ask(model, timeout=60_000_000)
        assert (outcome.error_class, provided.requests) == ("auth", 0)
        assert "can't be asked" in outcome.message
