"""Writers' schemas: learned from `workflow.schemas`, and published there before first use (PROTOCOL.md, 21)."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self

import structlog

from schemas.admission import SchemaRefused
from schemas.codec import Decoder, fingerprint, schemas
from schemas.record import avro_schema
from schemas.topics import SCHEMAS
from streams.compacted import CompactedReader
from streams.connect import Auth

logger = structlog.get_logger("millrace.schemas")


class _Sender(Protocol):
    async def send_and_wait(self, topic: str, value: bytes | None = None, key: bytes | None = None) -> Any: ...


class Vocabulary:
    """Teaches a decoder every published schema, the ones that come later included."""

    def __init__(self, bootstrap: str, prefix: str, decoder: Decoder, *, auth: Auth | None = None) -> None:
        self._topic = prefix + SCHEMAS.name
        self._decoder = decoder
        self._reader = CompactedReader(bootstrap, self._topic, self._learn, auth=auth)
        self._published: set[bytes] = set()
        self.on_learned: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        await self._reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()

    async def read_to_end(self) -> None:
        """Know every schema that is published now."""
        await self._reader.read_to_end()

    def _learn(self, key: bytes | None, value: bytes | None, offset: int) -> None:
        """A schema stands under its fingerprint; one that does not is nobody's and teaches nothing."""
        if key is None or value is None or key in self._published:
            return
        is_new = not self._decoder.knows(key)
        if teach(self._decoder, key, value):
            self._published.add(key)
            if is_new:
                self.on_learned()

    async def closed(self) -> None:
        """Wait for the end of the reading, and raise what ended it."""
        await self._reader.closed()

    async def publish(self, records: Iterable[type[Any]], sender: _Sender) -> None:
        """Publish the schemas of these records that are not published yet."""
        wanted = {_FINGERPRINTS[record.__name__]: record for record in records}
        if wanted.keys() <= self._published:
            return
        await self.read_to_end()
        for key in wanted.keys() - self._published:
            await sender.send_and_wait(self._topic, key=key, value=json.dumps(avro_schema(wanted[key])).encode())
            self._published.add(key)


def teach(decoder: Decoder, key: bytes, value: bytes) -> bool:
    """Whether a schema is published there that the decoder knows, from now on if not before."""
    schema = _schema_under(key, value)
    if schema is None:
        return False
    if not decoder.knows(key):
        try:
            decoder.learn(key, schema)
        except SchemaRefused as error:
            logger.warning("a published schema is not used", fingerprint=key[::-1].hex(), why=str(error))
            return False
    return True


def _schema_under(key: bytes, value: bytes) -> Mapping[str, Any] | None:
    try:
        schema = json.loads(value)
        return schema if isinstance(schema, dict) and fingerprint(schema) == key else None
    except Exception:  # whatever stands there, it is no schema
        return None


_FINGERPRINTS = {str(schema["name"]): key for key, schema in schemas().items()}
