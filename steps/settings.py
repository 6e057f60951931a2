"""What the environment may change about steps."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StepSettings:
    """Filled from the application's settings; the defaults run everything but real models, which need a key."""

    # models: `real` calls the providers, `scripted` a server in this process that speaks their protocols
    models: Literal["real", "scripted"] = "real"
    replies: Path | None = None
    anthropic_base_url: str | None = None
    gemini_base_url: str | None = None
    openai_base_url: str | None = None  # of any service that speaks the same protocol
    claude_by: Literal["anthropic", "bedrock", "vertex"] = "anthropic"
    gemini_by: Literal["google", "vertex"] = "google"
    prices: Path | None = None  # dated prices of one's own
    attach_dir: Path | None = None  # the folder that attached files lie in; without one, no file is read
    model_timeout: float = 600.0  # seconds, of one call, when the step says nothing
    calls_per_provider: int = 64  # at once

    # tools: the user's own interpreter, and the folders, files or module names where tools are found
    tools_python: str = sys.executable
    tools_path: tuple[str, ...] = ()
    tools_threads: int = 64  # sync tools at once
    tools_grace: float = 10.0  # seconds that running tools get at shutdown

    # http
    http_timeout: float = 60.0
    http_connections: int = 256
    http_per_host: int = 64

    # what a step may hand back
    output_limit: int = 8 * MIB

    # secrets: `MILLRACE_SECRET_<NAME>` first, then a file of that name in this folder
    secrets_dir: Path | None = None

    # seconds: no provider's Retry-After makes a run wait longer than this
    longest_retry_after: float = 3600.0

    extra_environment: dict[str, str] = field(default_factory=dict)  # for the tools' process
