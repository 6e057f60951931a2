"""A call under way: what is known of it should it fail."""

from dataclasses import dataclass

from steps.providers.provider import ProviderFailed, Usage


@dataclass(slots=True)
class Underway:
    """A stream that breaks off has been counted up to there, and is billed."""

    model: str
    request_id: str = ""
    usage: Usage | None = None

    def told(self, failed: ProviderFailed) -> ProviderFailed:
        failed.request_id = failed.request_id or self.request_id
        failed.usage = failed.usage or self.usage
        return failed
