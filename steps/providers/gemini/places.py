"""Where Gemini is asked: at Google with a key, or on Vertex, which finds its credentials as Google's own tools do."""

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
    try:
        if settings.gemini_by == "vertex":
            return genai.Client(vertexai=True, http_options=options)
        return genai.Client(api_key=key, vertexai=False, http_options=options)
    except Exception as error:  # of four libraries, and none has a parent of its own
        message = f"Gemini on {settings.gemini_by} can't be asked: {error}"
        raise ProviderFailed(ErrorClass.AUTH, message) from error
