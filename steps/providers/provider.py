"""What a model provider is: one method, from a prompt to a completion."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from steps.failure import ErrorClass, StepFailed


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One call, in no provider's words. `schema` is the JSON Schema that the answer must meet."""

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Input includes cached tokens, output includes thinking, whatever the provider's own counting is."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0
    raw: bytes | None = None  # as the provider wrote it


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer that came and is billed, usable (`error_class` ok) or not (refused, malformed)."""

    text: str
    usage: Usage
    model: str = ""
    stop: str = ""
    request_id: str = ""
    error_class: ErrorClass = ErrorClass.OK
    message: str = ""


class ProviderFailed(StepFailed):
    """No answer came. `request_id` is the provider's name for the call, where it gave one."""

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        detail: Any = None,
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(error_class, message, detail=detail, retry_after=retry_after)
        self.request_id = request_id


class Provider(Protocol):
    """Makes one call and no second one: no retries, no continuation, no function calls on its own."""

    async def complete(self, prompt: Prompt, timeout: float) -> Completion: ...

    async def close(self) -> None: ...
