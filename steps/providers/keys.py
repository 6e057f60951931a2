"""Where a provider's API key comes from."""

import os

from steps.failure import ErrorClass
from steps.providers.provider import ProviderFailed
from steps.redact import Redactor


def api_key(names: tuple[str, ...], redactor: Redactor) -> str:
    """The first of these environment variables that is set; read at each use, and kept out of all that is recorded."""
    for name in names:
        key = os.environ.get(name, "").strip()
        if key:
            redactor.learn(name, key)
            return key
    wanted = " or ".join(names)
    raise ProviderFailed(
        ErrorClass.AUTH, f"no API key: set {wanted}, or the setting `models` to `scripted` to work without one"
    )
