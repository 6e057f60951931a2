"""Answers what is asked: messages, counts of tokens, batches; and enters each into the ledger."""

from typing import Any

import orjson

from steps.providers.server import batches
from steps.providers.server.exchange import Asked, Reply
from steps.providers.server.faults import ERRORS
from steps.providers.server.faulty import spoiled
from steps.providers.server.ledger import Entry, Ledger
from steps.providers.server.model import Model, Turn
from steps.providers.server.routes import CLAUDE, Asking
from steps.providers.server.script import Rule

_ANSWERED = {"refused", "malformed"}  # errors to us; to the provider they are answers


class Desk:
    def __init__(self, rules: list[Rule], polls: int) -> None:
        self.ledger = Ledger()
        self._model = Model(rules)
        self._polls = polls
        self._batches: dict[str, batches.Batch] = {}

    def reply(self, asking: Asking, address: str) -> tuple[Reply, float]:
        """What goes out, and how many seconds later."""
        match asking.verb:
            case "answer" | "stream":
                return self._answered(asking, asking.model, asking.body, asking.verb == "stream")
            case "count":
                return self._counted(asking), 0.0
            case "submit":
                batch = self._submitted(asking)
            case _:
                found = self._batches.get(asking.batch)
                if found is None:
                    return batches.unknown(asking.batch), 0.0
                batch = found
        batch.cancelled = batch.cancelled or asking.verb == "cancel"
        if asking.verb == "fetch":
            return batches.results(batch), 0.0
        state = batches.claude_state(batch, address) if asking.dialect is CLAUDE else batches.gemini_state(batch)
        return Reply.of_json(state), 0.0

    def _answered(
        self, asking: Asking, model: str, body: dict[str, Any], streamed: bool, streams: bool = True
    ) -> tuple[Reply, float]:
        asked = asking.dialect.asked(model, body, streamed)
        asked.streamed = asked.streamed and streams
        turn = self._model.answer(asked)
        entry = self._entered(asking, asked, body, turn.said.fault)
        reply = _refusal(asking, asked, turn)
        if reply is None:
            self.ledger.bill(entry, turn.said.input_tokens, turn.said.output_tokens)
            reply = spoiled(_spoken(asking, asked, turn), turn.said.fault, asking.dialect)
        return reply, turn.rule.delay if turn.rule is not None else 0.0

    def _entered(self, asking: Asking, asked: Asked, body: dict[str, Any], fault: str = "") -> Entry:
        facts = {"provider": asking.dialect.provider, "path": asking.path, "key": asking.key}
        return self.ledger.enter(**facts, model=asked.model, text=asked.text, body=body, fault=fault)

    def _counted(self, asking: Asking) -> Reply:
        asked = asking.dialect.asked(asking.model, asking.body, False)
        self._entered(asking, asked, asking.body)
        counted = self._model.tokens_of(asked)
        return Reply.of_json({"input_tokens" if asking.dialect is CLAUDE else "totalTokens": counted})

    def _submitted(self, asking: Asking) -> batches.Batch:
        answers = []
        for item in batches.items(asking):
            reply, _ = self._answered(asking, asking.model, item.body, False, streams=False)
            answers.append(item.answered(reply.status, orjson.loads(reply.body)))
        identity = f"b{len(self._batches) + 1}"
        self._batches[identity] = batches.Batch(identity, answers, self._polls + 1)  # the answer to this is a state too
        return self._batches[identity]


def _refusal(asking: Asking, asked: Asked, turn: Turn) -> Reply | None:
    fault, rule = turn.said.fault, turn.rule
    if rule is None or fault not in ERRORS or fault in _ANSWERED:
        return None
    message = rule.message or f"the script says that {asked.model} is {fault}"
    return asking.dialect.error(fault, message, rule.retry_after, turn.said.number)


def _spoken(asking: Asking, asked: Asked, turn: Turn) -> Reply:
    dialect = asking.dialect
    headers = dialect.headers(turn.said)
    if not asked.streamed:
        return Reply.of_json(dialect.answer(asked, turn.said), headers=headers)
    pieces = [dialect.event(value) for value in dialect.stream(asked, turn.said)]
    return Reply(200, b"", headers | {"content-type": "text/event-stream"}, pieces)
