"""Batches: taken whole, ended after a few questions, kept until they are fetched."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from steps.providers.server.exchange import Reply
from steps.providers.server.routes import CLAUDE, Asking

_GOOGLE = "type.googleapis.com/google.ai.generativelanguage.v1.GenerateContentBatch"


@dataclass(slots=True)
class Batch:
    """`answers` as the provider's own list of results holds them; `polls` is how often it is not ready yet."""

    id: str
    answers: list[dict[str, Any]]
    polls: int
    cancelled: bool = False

    def ended(self) -> bool:
        """Each question brings it nearer."""
        self.polls -= 1
        return self.cancelled or self.polls < 0


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch, and the frame that its answer goes into."""

    body: dict[str, Any]
    custom_id: str = ""
    metadata: Any = None

    def answered(self, status: int, body: dict[str, Any]) -> dict[str, Any]:
        if not self.custom_id:
            kept = {"metadata": self.metadata} if self.metadata else {}
            return kept | ({"response": body} if status == 200 else {"error": body.get("error")})
        if status != 200:
            return {"custom_id": self.custom_id, "result": {"type": "errored", "error": body}}
        body["usage"]["service_tier"] = "batch"
        return {"custom_id": self.custom_id, "result": {"type": "succeeded", "message": body}}


def items(asking: Asking) -> Iterator[Item]:
    if asking.dialect is CLAUDE:
        for request in asking.body["requests"]:
            yield Item(request["params"], request["custom_id"])
        return
    requests = asking.body["batch"]["inputConfig"]["requests"]["requests"]
    for request in requests:
        yield Item(request["request"], metadata=request.get("metadata"))


def results(batch: Batch) -> Reply:
    """In no order that could be relied on."""
    lines = b"\n".join(orjson.dumps(answer) for answer in reversed(batch.answers))
    return Reply(200, lines, {"content-type": "application/x-jsonl"})


def claude_state(batch: Batch, address: str) -> dict[str, Any]:
    ended = batch.ended()
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    for answer in batch.answers:
        kind = "canceled" if batch.cancelled else answer["result"]["type"]
        counts[kind if ended else "processing"] += 1
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "in_progress",
        "request_counts": counts,
        "results_url": f"{address}/v1/messages/batches/{batch.id}/results" if ended else None,
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
    }


def gemini_state(batch: Batch) -> dict[str, Any]:
    ended = batch.ended()
    state = "CANCELLED" if batch.cancelled else "SUCCEEDED" if ended else "RUNNING"
    metadata: dict[str, Any] = {"@type": _GOOGLE, "name": f"batches/{batch.id}", "state": f"BATCH_STATE_{state}"}
    if state == "SUCCEEDED":
        metadata["output"] = {"inlinedResponses": {"inlinedResponses": batch.answers}}
    return {"name": f"batches/{batch.id}", "metadata": metadata, "done": ended}


def unknown(batch: str) -> Reply:
    error = {"type": "not_found_error", "code": 404, "message": f"no batch {batch}", "status": "NOT_FOUND"}
    return Reply.of_json({"type": "error", "error": error}, 404)
