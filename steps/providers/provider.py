"""What a model provider is: from a prompt to a completion, in one call."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from steps.failure import ErrorClass, StepFailed
from steps.providers.content import Message, Tool, ToolCall

#: Takes the text of an answer piece by piece, while it is written.
Sink = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One call, in no provider's words. `schema` is the JSON Schema that the answer must meet.

    `thinking` is whether, or with how many tokens; None leaves it to the model. `cache` is how long the prompt is kept
    (`5m`, `1h`). `tool_choice` is auto, any, none, or the name of the tool that must be called.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    thinking: bool | int | None = None
    effort: str = ""
    cache: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"


@dataclass(frozen=True, slots=True)
class Usage:
    """Input includes cached tokens, output includes thinking, whatever the provider's own counting is.

    Written tokens that are kept for an hour, rather than minutes, are among `cache_write_tokens`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    thinking_tokens: int = 0
    raw: bytes | None = None  # as the provider wrote it


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer that came and is billed, usable (`error_class` ok) or not (refused, malformed).

    `turn` is what a conversation goes on with; `first_token` is when streaming began to tell, in microseconds.
    """

    text: str
    usage: Usage
    model: str = ""
    stop: str = ""
    request_id: str = ""
    error_class: ErrorClass = ErrorClass.OK
    message: str = ""
    calls: tuple[ToolCall, ...] = ()
    turn: Message | None = None
    first_token: int | None = None


class ProviderFailed(StepFailed):
    """No answer came. `request_id` is the provider's name for the call, where it gave one; `usage` what had been
    counted when a stream broke off."""

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        detail: Any = None,
        retry_after: float | None = None,
        request_id: str = "",
        usage: Usage | None = None,
    ) -> None:
        super().__init__(error_class, message, detail=detail, retry_after=retry_after)
        self.request_id = request_id
        self.usage = usage


class Provider(Protocol):
    """Makes one call and no second one: no retries, no continuation, no function calls on its own."""

    async def complete(self, prompt: Prompt, timeout: float, sink: Sink | None = None) -> Completion:
        """With a sink the answer is streamed, and its text told as it comes."""
        ...

    async def count(self, prompt: Prompt, timeout: float) -> int:
        """The input tokens that the prompt would be billed for; costs nothing."""
        ...

    def takes_schema(self, model: str) -> bool:
        """Whether the model can be held to a schema; others are asked to call a tool of that schema."""
        ...

    def batches(self) -> "Batches | None":
        """None where the provider has none."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class BatchState:
    """`ended` means that every answer can be fetched; `counts` is the provider's own account of them."""

    ended: bool
    status: str
    counts: dict[str, int]


class Batches(Protocol):
    """Many prompts at half the price, answered within a day: submitted once, asked after, fetched by key."""

    async def submit(self, prompts: Mapping[str, Prompt], timeout: float) -> str:
        """The batch's id, by which any process can ask after it."""
        ...

    async def poll(self, batch: str, timeout: float) -> BatchState: ...

    async def fetch(self, batch: str, keys: Collection[str], timeout: float) -> dict[str, Completion | ProviderFailed]:
        """What has been answered of these."""
        ...

    async def cancel(self, batch: str, timeout: float) -> None: ...
