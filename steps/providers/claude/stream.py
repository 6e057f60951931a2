"""A streamed answer of the messages API, put together as the message that it would have been."""

from typing import Any

from steps import clock
from steps.providers.claude.request import arguments_of
from steps.providers.provider import Sink

_APPENDED = {"text_delta": "text", "thinking_delta": "thinking"}


class Streamed:
    """Takes the events in their order; `message` is what they have told so far."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.message: dict[str, Any] = {}
        self.first_token: int | None = None
        self.ended = False
        self._inputs: dict[int, str] = {}

    def take(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "message_start":
                self.message = {**event["message"], "content": []}
            case "content_block_start":
                self.message["content"].append(event["content_block"])
            case "content_block_delta":
                self._append(event["index"], event["delta"])
            case "content_block_stop":
                self._close(event["index"])
            case "message_delta":
                self._finish(event)
            case "message_stop":
                self.ended = True

    def _append(self, index: int, delta: dict[str, Any]) -> None:
        block, kind = self.message["content"][index], delta.get("type", "")
        if self.first_token is None:
            self.first_token = clock.now()
        if kind in _APPENDED:
            block[_APPENDED[kind]] = (block.get(_APPENDED[kind]) or "") + delta[_APPENDED[kind]]
        elif kind == "signature_delta":
            block["signature"] = delta["signature"]
        elif kind == "input_json_delta":
            self._inputs[index] = self._inputs.get(index, "") + delta["partial_json"]
        if kind == "text_delta":
            self._sink(delta["text"])

    def _close(self, index: int) -> None:
        if (written := self._inputs.pop(index, None)) is not None:
            self.message["content"][index]["input"] = arguments_of(written)

    def _finish(self, event: dict[str, Any]) -> None:
        self.message.update(event["delta"])
        counted = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        self.message["usage"] = (self.message.get("usage") or {}) | counted
