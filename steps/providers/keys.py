"""Where a provider's API key comes from."""

import os

from steps.failure import ErrorClass
from steps.providers.provider import ProviderFailed
from steps.redact import Redactor
from steps.settings import StepSettings

#: What the provider server of this process takes for a key; it is no secret.
OFFLINE_KEY = "offline"


def api_key(settings: StepSettings, names: tuple[str, ...], redactor: Redactor, needed: bool = True) -> str:
    """The first of these environment variables that is set; read at each use, and kept out of all that is recorded."""
    if settings.models == "scripted":
        return OFFLINE_KEY
    for name in names:
        key = os.environ.get(name, "").strip()
        if key:
            redactor.learn(name, key)
            return key
    if not needed:
        return ""
    wanted = " or ".join(names)
    raise ProviderFailed(
        ErrorClass.AUTH, f"no API key: set {wanted}, or the setting `models` to `scripted` to work without one"
    )
