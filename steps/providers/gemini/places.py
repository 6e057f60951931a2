"""Where Gemini is asked: at Google with a key, or on Vertex, which finds its credentials as Google's own tools do."""

import os

import httpx2
from google import genai
from google.genai import types

from steps.failure import ErrorClass
from steps.providers.keys import api_key
from steps.providers.provider import ProviderFailed
from steps.redact import Redactor
from steps.settings import StepSettings


def key_of(settings: StepSettings, redactor: Redactor) -> str:
    if settings.gemini_by == "vertex":
        return ""
    return api_key(settings, ("GEMINI_API_KEY", "GOOGLE_API_KEY"), redactor)


def connect(settings: StepSettings, key: str, http: httpx2.AsyncClient) -> genai.Client:
    """The SDK's client; the HTTP client is ours, because it would take aiohttp where that is installed, whose errors
    are others and are not wrapped."""
    options = types.HttpOptions(
        base_url=settings.gemini_base_url,
        httpx_async_client=http,
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    if settings.gemini_by == "google":
        return genai.Client(api_key=key, vertexai=False, http_options=options)
    # Named here: at another address the SDK would take the project of the environment for none.
    project, location = (os.environ.get(f"GOOGLE_CLOUD_{name}") for name in ("PROJECT", "LOCATION"))
    if not (project and location):
        message = "Gemini on vertex can't be asked: set GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION"
        raise ProviderFailed(ErrorClass.AUTH, message)
    return genai.Client(vertexai=True, project=project, location=location, http_options=options)
