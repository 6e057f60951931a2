"""Where Claude is asked: at Anthropic, or in a cloud, which finds its credentials as its own tools do."""

from typing import Any

import anthropic

from steps.failure import ErrorClass
from steps.providers.keys import api_key
from steps.providers.provider import ProviderFailed
from steps.providers.transport import http_client
from steps.redact import Redactor
from steps.settings import StepSettings


def key_of(settings: StepSettings, redactor: Redactor) -> str:
    return api_key(settings, ("ANTHROPIC_API_KEY",), redactor) if settings.claude_by == "anthropic" else ""


def connect(settings: StepSettings, key: str) -> Any:
    """The SDK's client for the place that the settings name."""
    shared: dict[str, Any] = {
        "base_url": settings.anthropic_base_url,
        "max_retries": 0,
        "open_telemetry": False,
        "http_client": http_client(settings),
    }
    if settings.claude_by == "anthropic":
        return anthropic.AsyncAnthropic(api_key=key, **shared)
    make = anthropic.AsyncAnthropicBedrock if settings.claude_by == "bedrock" else anthropic.AsyncAnthropicVertex
    try:
        return make(**shared)
    except (ValueError, ImportError) as error:
        raise ProviderFailed(ErrorClass.AUTH, f"Claude on {settings.claude_by} can't be asked: {error}") from error
