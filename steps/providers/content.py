"""What a conversation is made of, in no provider's words."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """An image or a document: its bytes in base64, or where the provider can fetch it."""

    media_type: str
    data: str = ""
    url: str = ""

    @property
    def is_image(self) -> bool:
        return self.media_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called. Its result goes back under the same id and name."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    id: str
    name: str
    output: str
    failed: bool = False


Part = Text | Attachment | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `raw` is the turn as `provider` wrote it, signatures of its thinking included: that one gets it back
    unchanged, any other reads `content`."""

    role: Literal["user", "assistant"]
    content: tuple[Part, ...]
    provider: str = ""
    raw: Any = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content if isinstance(part, Text))


def said(role: Literal["user", "assistant"], text: str) -> Message:
    return Message(role, (Text(text),))


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]
