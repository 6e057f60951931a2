"""Images and documents, as each provider takes them, and what is not read or sent."""

import base64
from typing import Any

import pytest

from tests.steps.providing import CLAUDE, MODELS, providing, set_keys


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


async def test_files_values_and_addresses_are_attached(tmp_path: Any) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG cat")
    attach = [
        {"file": "cat.png"},
        {"base64": base64.b64encode(b"%PDF-1.7").decode(), "type": "application/pdf"},
        {"url": "https://x.example/dog.jpg"},
    ]
    async with providing(attach_dir=tmp_path) as provided:
        for model in MODELS:
            outcome = await provided.ask(model, "What is it?", attach=attach, timeout=60_000_000)
            assert outcome.status == "succeeded", outcome
        claude, gemini, openai = (entry.body for entry in provided.server.ledger.entries)
    png, pdf = base64.b64encode(b"\x89PNG cat").decode(), base64.b64encode(b"%PDF-1.7").decode()
    assert claude["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}},
        {"type": "image", "source": {"type": "url", "url": "https://x.example/dog.jpg"}},
        {"type": "text", "text": "What is it?"},
    ]
    image, document, address, text = gemini["contents"][0]["parts"]
    assert base64.urlsafe_b64decode(image["inlineData"]["data"]) == b"\x89PNG cat"
    assert document["inlineData"]["mime_type"] == "application/pdf"
    assert address["fileData"] == {"file_uri": "https://x.example/dog.jpg", "mime_type": "image/jpeg"}
    assert text == {"text": "What is it?"}
    assert [part["type"] for part in openai["messages"][0]["content"]] == ["image_url", "file", "image_url", "text"]


@pytest.mark.parametrize(
    ("attach", "reason"),
    [
        ([{"file": "../secret.png"}], "outside of attach_dir"),
        ([{"file": "link.png"}], "outside of attach_dir"),
        ([{"file": "none.png"}], "No such file"),
        ([{"file": "cat"}], "the type of cat can't be told"),
        ([{"base64": "eA=="}], "the type of the bytes can't be told"),
        ([{"file": "a.png", "url": "https://x.example/a.png"}], "one of file, url, base64"),
        ("cat.png", "`attach` is a list"),
        ([{"base64": "eA==", "type": "audio/wav"}], "can't be sent audio/wav"),
    ],
)
async def test_what_cannot_be_attached_is_fatal_with_the_reason(tmp_path: Any, attach: Any, reason: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "cat").write_bytes(b"cat")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    async with providing(attach_dir=folder) as provided:
        outcome = await provided.ask(CLAUDE, "What?", attach=attach)
        assert (outcome.error_class, provided.requests) == ("fatal", 0)
        assert reason in outcome.message


async def test_without_a_folder_no_file_is_read() -> None:
    async with providing() as provided:
        outcome = await provided.ask(CLAUDE, "What?", attach=[{"file": "/etc/hostname", "type": "image/png"}])
    assert outcome.error_class == "fatal"
    assert "set `attach_dir`" in outcome.message
