"""What other programs ask of Millrace, and what they may watch: publish, start, cancel, follow, wait."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaProducer

from schemas.codec import Decoder, encode
from schemas.commands import COMMANDS as COMMAND_RECORDS
from schemas.commands import AnswerApproval, CancelRun, Command, ReleaseRun, ResolveStep, SignalRun, StartRun
from schemas.definitions import AliasMoved, WorkflowPublished
from schemas.message import Event
from schemas.partition import CommandRefused
from schemas.topics import COMMANDS, DEFINITIONS, EVENTS, MAX_RECORD
from streams.catalogue import Catalogue
from streams.compacted import CompactedReader
from streams.connect import Auth, opened
from streams.follow import RunNotFound, Story, answer, tell
from streams.history import EventUnreadable, History
from streams.home import partition_of
from streams.pacing import paced
from streams.publishing import Publication, PublishingContended, TooLarge, publish
from streams.topics import TopicsMissing, partition_counts
from streams.vocabulary import Vocabulary

__all__ = [
    "Client",
    "CommandWasRefused",
    "EventUnreadable",
    "Publication",
    "PublishingContended",
    "RunNotFound",
    "TooLarge",
    "TopicsMissing",
    "new_run_id",
]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RUN_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")


class CommandWasRefused(Exception):
    """The owner of the run refused a command, with its reason."""

    def __init__(self, refusal: CommandRefused) -> None:
        super().__init__(f"{refusal.command} was refused ({refusal.reason}): {refusal.message}")
        self.refusal = refusal


def new_run_id(workflow: str) -> str:
    """`<workflow>-<ten random characters>`, within what a run id may hold."""
    name = "".join(c if c in _RUN_ID_CHARACTERS else "-" for c in workflow.partition("@")[0])
    return f"{name[:100]}-{''.join(secrets.choice(_ALPHABET) for _ in range(10))}"


class _DefinitionLog:
    """`workflow.definitions`, read and written (what `publish` asks for)."""

    def __init__(self, catalogue: Catalogue, reader: CompactedReader, producer: AIOKafkaProducer, topic: str) -> None:
        self.catalogue, self._reader, self._producer, self._topic = catalogue, reader, producer, topic

    async def read_to_end(self) -> int:
        return await self._reader.read_to_end()

    async def append(self, records: list[tuple[bytes, bytes]]) -> int:
        batch = self._producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise TooLarge(f"{records[0][0].decode()}: the records do not fit in one batch")
        batch.close()
        acked = await self._producer.send_batch(batch, self._topic, partition=0)
        return int((await acked).offset)


class Client:
    """A connection to a Millrace log: `async with Client("127.0.0.1:9092") as client: …`.

    The topics must exist: workers create them. Raises BrokerUnreachable and TopicsMissing on entering.
    """

    def __init__(self, bootstrap: str, prefix: str = "", auth: Auth | None = None, sent_by: str = "") -> None:
        self._bootstrap, self._prefix, self._auth = bootstrap, prefix, dict(auth or {})
        self._sent_by = sent_by
        self._decoder = Decoder()
        self._vocabulary = Vocabulary(bootstrap, prefix, self._decoder, auth=self._auth)
        self._catalogue = Catalogue(self._decoder)
        self._vocabulary.on_learned = self._catalogue.schema_learned
        self._definitions: _DefinitionLog | None = None
        self._opening = asyncio.Lock()
        self._open = AsyncExitStack()
        self.partitions = 0
        """How many partitions commands, outcomes and events have."""

    async def __aenter__(self) -> Self:
        events = self._prefix + EVENTS.name
        topics = [events, self._prefix + COMMANDS.name, self._prefix + DEFINITIONS.name]
        self.partitions = (await partition_counts(self._bootstrap, topics, self._auth))[events]
        async with AsyncExitStack() as opening:
            self._producer = await opening.enter_async_context(opened(self._new_producer(), self._bootstrap))
            await opening.enter_async_context(self._vocabulary)
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def _new_producer(self) -> AIOKafkaProducer:
        """Without idempotence: a command that arrives twice has the same id, and definitions are told by their hash."""
        size = MAX_RECORD + 100_000
        return paced(
            AIOKafkaProducer(
                bootstrap_servers=self._bootstrap, acks="all", max_batch_size=size, max_request_size=size, **self._auth
            )
        )

    # --- definitions

    async def definitions(self) -> Catalogue:
        """What is published now; the catalogue goes on following the topic."""
        await (await self._definition_log()).read_to_end()
        return self._catalogue

    async def publish_workflow(
        self, name: str, definition: str, source: str, *, file: str = "", aliases: tuple[str, ...] = ()
    ) -> Publication:
        """Publish a checked workflow under its hash. Raises TooLarge, PublishingContended."""
        await self._vocabulary.publish((WorkflowPublished, AliasMoved), self._producer)
        draft = WorkflowPublished(name, 0, definition, source, file, _now(), self._sent_by)
        return await publish(await self._definition_log(), draft, aliases)

    async def _definition_log(self) -> _DefinitionLog:
        """Opened when it is first needed: who only starts runs needs none."""
        async with self._opening:
            if self._definitions is None:
                await self._vocabulary.read_to_end()
                topic = self._prefix + DEFINITIONS.name
                reader = CompactedReader(self._bootstrap, topic, self._catalogue.take, auth=self._auth)
                await self._open.enter_async_context(reader)
                self._definitions = _DefinitionLog(self._catalogue, reader, self._producer, topic)
            return self._definitions

    # --- commands

    async def send(self, command: Command) -> tuple[int, int]:
        """Append a command at the home of its run; (partition, offset) of it, once it is acked."""
        await self._vocabulary.publish(COMMAND_RECORDS, self._producer)
        home = partition_of(command.run_id, self.partitions)
        acked = await self._producer.send_and_wait(
            self._prefix + COMMANDS.name, key=command.run_id.encode(), value=encode(command), partition=home
        )
        return acked.partition, acked.offset

    async def start(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str = "",
        labels: Mapping[str, str] | None = None,
        command_id: str = "",
    ) -> str:
        """Ask for a run of NAME, NAME@VERSION or NAME@ALIAS; its id. Whether it begins, `wait` or `follow` tell."""
        command = StartRun(
            command_id=command_id or new_command_id(),
            run_id=run_id or new_run_id(workflow),
            sent_by=self._sent_by,
            traceparent=os.environ.get("TRACEPARENT", ""),
            workflow=workflow,
            inputs=orjson.dumps(dict(inputs or {})),
            labels=dict(labels or {}),
        )
        await self.send(command)
        return command.run_id

    async def cancel(self, run_id: str, reason: str = "", *, command_id: str = "") -> str:
        """Ask for the end of a run; the command's id, which `answer_to` takes."""
        return await self._ask(CancelRun(command_id or new_command_id(), run_id, self._sent_by, reason=reason))

    async def signal(self, run_id: str, name: str, value: Any = None, *, command_id: str = "") -> str:
        """Tell a run something by name; the command's id, which `answer_to` takes."""
        body = orjson.dumps(value)
        return await self._ask(SignalRun(command_id or new_command_id(), run_id, self._sent_by, name=name, value=body))

    async def answer_approval(self, run_id: str, path: str, approved: bool, by: str, **said: Any) -> str:
        """Approve or deny (`role`, `reason`, `value` in JSON, `command_id`); the command's id, for `answer_to`."""
        command_id = said.pop("command_id", "") or new_command_id()
        return await self._ask(
            AnswerApproval(command_id, run_id, self._sent_by, path=path, approved=approved, by=by, **said)
        )

    async def resolve_step(self, run_id: str, path: str, attempt: int, decision: str, by: str, **said: Any) -> str:
        """Say what became of an attempt in doubt (`reason`, `output` in JSON, `command_id`); the command's id."""
        command_id = said.pop("command_id", "") or new_command_id()
        return await self._ask(
            ResolveStep(command_id, run_id, self._sent_by, path=path, attempt=attempt, decision=decision, by=by, **said)
        )

    async def release(self, run_id: str, *, command_id: str = "") -> str:
        """Ask for a quarantined run to go on, with all that was held for it; the command's id."""
        return await self._ask(ReleaseRun(command_id or new_command_id(), run_id, self._sent_by))

    async def _ask(self, command: Command) -> str:
        await self.send(command)
        return command.command_id

    # --- what happens

    async def follow(
        self, run_id: str, from_beginning: bool = True, *, command_id: str | None = None, must_exist: bool = False
    ) -> AsyncGenerator[Event]:
        """The valid events of a run as they come, up to its end: of its latest incarnation, or of the one that
        `command_id` started. Without `from_beginning` only those to come. Raises RunNotFound if it must exist."""
        pieces = self._history(run_id).pieces()
        told = tell(pieces, Story(run_id, command_id), past=from_beginning, must_exist=must_exist)
        async with aclosing(told) as events:
            async for event in events:
                yield event

    async def wait(self, run_id: str, timeout: float | None = None, *, command_id: str | None = None) -> Event:
        """The event that ended the run. Raises TimeoutError, and CommandWasRefused if its start was refused."""
        async with asyncio.timeout(timeout):
            async with aclosing(self.follow(run_id, command_id=command_id)) as events:
                async for event in events:
                    last = event
        if isinstance(last, CommandRefused):
            raise CommandWasRefused(last)
        return last

    async def answer_to(self, run_id: str, command_id: str, timeout: float | None = None) -> Event:
        """What a command brought about first. Raises TimeoutError, CommandWasRefused."""
        async with asyncio.timeout(timeout):
            event = await answer(self._history(run_id).pieces(), command_id)
        if isinstance(event, CommandRefused):
            raise CommandWasRefused(event)
        return event

    def _history(self, run_id: str) -> History:
        home = partition_of(run_id, self.partitions)
        topic = self._prefix + EVENTS.name
        return History(self._bootstrap, topic, home, self._decoder, self._vocabulary, self._auth)


def new_command_id() -> str:
    """A fresh name for a command: who sends it again under the same id gets the same answer."""
    return secrets.token_hex(16)


def _now() -> int:
    return time.time_ns() // 1_000
