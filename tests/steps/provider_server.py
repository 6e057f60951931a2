"""Both model providers on loopback, speaking their wire protocols. A prompt names its fault: `[[overloaded]]`."""

import json
import re
from collections.abc import Callable
from typing import Any

from tests.steps.http_server import Reply, Request

CLAUDE_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 5,
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 4},
    "service_tier": "standard",
}
GEMINI_USAGE = {
    "promptTokenCount": 18,
    "cachedContentTokenCount": 5,
    "candidatesTokenCount": 16,
    "thoughtsTokenCount": 4,
    "totalTokenCount": 38,
}

TRANSPORT: dict[str, Reply] = {
    "hang": Reply(hang=True),
    "drop": Reply(drop=True),
    "html": Reply(200, b"<html>welcome</html>", {"content-type": "text/html"}),
    "html502": Reply(502, b"<html>bad gateway</html>", {"content-type": "text/html"}),
    "truncated": Reply(200, b'{"type": "mess', {"content-type": "application/json"}),
    "cut": Reply(200, b'{"type": "message"}', {"content-type": "application/json"}, cut=5),
    "list": Reply.of_json([1, 2]),
    "strange": Reply.of_json({"hello": "world"}),
}


def answer(request: Request) -> Reply:
    claude = request.path.startswith("/v1/messages")
    sent = request.body.decode()
    named = re.search(r"\[\[(\w+)\]\]", sent)
    fault = named.group(1) if named else ""
    if fault in TRANSPORT:
        return TRANSPORT[fault]
    faults: dict[str, Callable[[], Reply]] = CLAUDE if claude else GEMINI
    return (
        faults[fault]() if fault else (claude_says("Hello from Claude") if claude else gemini_says("Hello from Gemini"))
    )


def claude_says(text: str, stop: str = "end_turn", **more: Any) -> Reply:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": text}],
        "stop_reason": stop,
        "usage": CLAUDE_USAGE,
        **more,
    }
    return Reply.of_json(message, headers={"request-id": "req_1"})


def claude_error(status: int, kind: str, headers: dict[str, str] | None = None, code: str | None = None) -> Reply:
    error: dict[str, Any] = {"type": kind, "message": f"about {kind}"}
    if code is not None:
        error["details"] = {"error_code": code}
    return Reply.of_json({"type": "error", "error": error}, status, {"request-id": "req_err", **(headers or {})})


def gemini_says(text: str | None, stop: str = "STOP", **more: Any) -> Reply:
    parts = [{"text": "hm", "thought": True}, {"text": text}] if text is not None else []
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": stop, "index": 0}
    response = {"candidates": [candidate], "usageMetadata": GEMINI_USAGE, "modelVersion": "gemini-2.5-flash-001"}
    return Reply.of_json({**response, "responseId": "resp_1", **more})


def gemini_error(status: int, kind: str, *details: dict[str, Any]) -> Reply:
    error = {"code": status, "message": f"about {kind}", "status": kind, "details": list(details)}
    return Reply.of_json({"error": error}, status)


def _google(kind: str, **facts: str) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **facts}


CLAUDE: dict[str, Callable[[], Reply]] = {
    "r429": lambda: claude_error(429, "rate_limit_error", {"retry-after": "7"}),
    "r429bare": lambda: claude_error(429, "rate_limit_error"),
    "r429long": lambda: claude_error(429, "rate_limit_error", {"retry-after": "999999"}),
    "spend": lambda: claude_error(429, "rate_limit_error", {"retry-after": "5"}, "enforced_spend_limit_reached"),
    "r402": lambda: claude_error(402, "billing_error"),
    "overloaded": lambda: claude_error(529, "overloaded_error"),
    "r500": lambda: claude_error(500, "api_error"),
    "r503": lambda: claude_error(503, "api_error"),
    "r400": lambda: claude_error(400, "invalid_request_error"),
    "r401": lambda: claude_error(401, "authentication_error"),
    "r403": lambda: claude_error(403, "permission_error"),
    "r404": lambda: claude_error(404, "not_found_error"),
    "refusal": lambda: claude_says("", "refusal", stop_details={"category": "cyber"}),
    "empty": lambda: claude_says("", "max_tokens"),
    "window": lambda: claude_says("so far", "model_context_window_exceeded"),
    "long": lambda: claude_says("cut off he", "max_tokens"),
    "json": lambda: claude_says(json.dumps({"score": 7})),
    "badjson": lambda: claude_says('{"score": '),
    "unknownblock": lambda: claude_says("x", content=[{"type": "novelty", "what": 1}, {"type": "text", "text": "ok"}]),
}

GEMINI: dict[str, Callable[[], Reply]] = {
    "r429": lambda: gemini_error(429, "RESOURCE_EXHAUSTED", _google("RetryInfo", retryDelay="7s")),
    "r429bare": lambda: gemini_error(429, "RESOURCE_EXHAUSTED"),
    "r429long": lambda: gemini_error(429, "RESOURCE_EXHAUSTED", _google("RetryInfo", retryDelay="999999s")),
    "spend": lambda: gemini_error(403, "PERMISSION_DENIED", _google("ErrorInfo", reason="BILLING_DISABLED")),
    "badkey": lambda: gemini_error(400, "INVALID_ARGUMENT", _google("ErrorInfo", reason="API_KEY_INVALID")),
    "overloaded": lambda: gemini_error(529, "UNAVAILABLE"),
    "r500": lambda: gemini_error(500, "INTERNAL"),
    "r503": lambda: gemini_error(503, "UNAVAILABLE"),
    "r504": lambda: gemini_error(504, "DEADLINE_EXCEEDED"),
    "r400": lambda: gemini_error(400, "INVALID_ARGUMENT"),
    "r401": lambda: gemini_error(401, "UNAUTHENTICATED"),
    "r403": lambda: gemini_error(403, "PERMISSION_DENIED"),
    "r404": lambda: gemini_error(404, "NOT_FOUND"),
    "safety": lambda: gemini_says(None, "SAFETY"),
    "blocked": lambda: gemini_says(None, candidates=None, promptFeedback={"blockReason": "PROHIBITED_CONTENT"}),
    "nocandidates": lambda: gemini_says(None, candidates=[]),
    "badcall": lambda: gemini_says(None, "MALFORMED_FUNCTION_CALL"),
    "goon": lambda: gemini_says("half of", "CONTINUATION"),
    "empty": lambda: gemini_says(None, "MAX_TOKENS"),
    "long": lambda: gemini_says("cut off he", "MAX_TOKENS"),
    "json": lambda: gemini_says(json.dumps({"score": 7})),
    "badjson": lambda: gemini_says('{"score": '),
}
