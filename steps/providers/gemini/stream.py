"""A streamed answer of generateContent, put together as the answer that it would have been."""

from typing import Any

from steps import clock
from steps.providers.provider import Sink


class Streamed:
    """Takes the pieces in their order; `answer` is what they have told so far."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.answer: dict[str, Any] = {}
        self.first_token: int | None = None

    @property
    def ended(self) -> bool:
        candidates = self.answer.get("candidates") or []
        if not candidates:  # nothing to choose from is an answer too
            return bool(self.answer.get("promptFeedback") or self.answer.get("usageMetadata"))
        return bool(candidates[0].get("finishReason"))

    def take(self, piece: dict[str, Any]) -> None:
        candidates = piece.pop("candidates", None) or []
        known = self.answer.setdefault("candidates", [])
        self.answer.update(piece)  # each tells the usage so far
        if not candidates:
            return
        if not known:
            known.append({})
        self._join(known[0], candidates[0])

    def _join(self, known: dict[str, Any], candidate: dict[str, Any]) -> None:
        content = candidate.pop("content", None) or {}
        known.update(candidate)
        parts = known.setdefault("content", {"role": "model", "parts": []})["parts"]
        for part in content.get("parts") or []:
            self._add(parts, part)

    def _add(self, parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
        if self.first_token is None:
            self.first_token = clock.now()
        text, thought = part.get("text"), bool(part.get("thought"))
        if text and not thought:
            self._sink(text)
        last = parts[-1] if parts else {}
        if text and last.keys() <= {"text", "thought"} and "text" in last and bool(last.get("thought")) == thought:
            parts[-1] = {**last, **part, "text": last["text"] + text}
        else:
            parts.append(part)
