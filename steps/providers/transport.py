"""The HTTP client that every SDK is given: one family of errors, and as many connections as there are calls."""

from typing import Any

import httpx2

from steps.settings import StepSettings


def http_client(settings: StepSettings, **more: Any) -> httpx2.AsyncClient:
    """What is asked offline stays on this machine, whatever proxy the environment names."""
    offline = settings.models == "scripted"
    return httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None), trust_env=not offline, **more)
