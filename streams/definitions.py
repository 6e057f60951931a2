"""The published workflows as `decide` needs them: each is compiled when a run first asks for it."""

from schemas.codec import Decoder
from schemas.topics import DEFINITIONS
from streams.catalogue import Catalogue
from streams.compacted import CompactedReader
from streams.settings import WorkerSettings
from workflow.definition import Workflow
from workflow.parse.load import load


class Definitions:
    """Follows `workflow.definitions`; what `workflow.evolve.Workflows` asks for."""

    def __init__(self, settings: WorkerSettings, decoder: Decoder) -> None:
        self.catalogue = Catalogue(decoder)
        self._reader = CompactedReader(
            settings.bootstrap, settings.topic(DEFINITIONS.name), self.catalogue.take, auth=settings.auth
        )
        self._compiled: dict[str, Workflow] = {}

    async def start(self) -> None:
        """Know what is published; go on following."""
        await self._reader.start()
        await self._reader.read_to_end()

    async def stop(self) -> None:
        """Follow no more."""
        await self._reader.stop()

    async def read_to_end(self) -> None:
        """Wait until all that is published now is known (PROTOCOL.md, 11)."""
        await self._reader.read_to_end()

    async def closed(self) -> None:
        """Wait for the end of the following, and raise what ended it."""
        await self._reader.closed()

    def get(self, definition: str) -> Workflow | None:
        """The workflow with this hash. Raises DefinitionInvalid for one that this version can't read."""
        compiled = self._compiled.get(definition)
        if compiled is None and (published := self.catalogue.source(definition)) is not None:
            compiled = load(published.source, published.file or published.name)
            self._compiled[definition] = compiled
        return compiled

    def resolve(self, reference: str) -> tuple[str, int, str] | None:
        """(name, version, hash) that a reference stands for now."""
        return self.catalogue.resolve(reference)
