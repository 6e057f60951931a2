"""What the environment may change: `Settings`, out of flags, `MILLRACE_*`, `millrace.toml` and defaults."""

import json
import os
import re
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from console.failure import USAGE, Failure
from console.flags import given
from console.sources import PREFIX, SettingsFile, read_file, variable
from schemas.topics import PARTITIONS
from workflow.durations import parse_duration

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:,/\[\]]+):\d{1,5}")
_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Several = Annotated[list[str], NoDecode]


class Settings(BaseSettings):
    """Every setting, with its meaning; `millrace config` shows what holds and why."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    broker: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, HOST:PORT with commas between")
    topic_prefix: str = Field("", description="stands before every topic's name")
    app: str = Field("millrace", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="name of the group that workers form")
    partitions: int = Field(PARTITIONS, ge=1, le=10_000, description="of the runs' topics; chosen once, never changed")
    replication: int = Field(1, ge=1, le=32_767, description="copies of each topic that is created")
    data_dir: Path = Field(Path(".millrace"), description="folder for what this machine keeps")
    database: Path = Field(
        default_factory=lambda known: known["data_dir"] / "millrace.duckdb", description="the projector's own file"
    )
    snapshot: Path = Field(
        default_factory=lambda known: known["data_dir"] / "snapshot.duckdb", description="the file that queries read"
    )
    snapshot_interval: float = Field(5.0, gt=0, description="seconds between snapshots, at least")
    archive: Path | None = Field(None, description="folder of the event archive; a worker acts on what stands there")
    seat: str = Field("", description="place of a worker in its group; empty takes a free one of this machine")
    models: Literal["auto", "real", "scripted"] = Field(
        "auto", description="auto and real ask the provider of each model; scripted a server in the worker, offline"
    )
    replies: Path | None = Field(None, description="file of scripted replies")
    prices: Path | None = Field(None, description="file of dated prices of your own, over those of the list")
    attach_dir: Path | None = Field(None, description="folder that files may be attached to prompts from")
    anthropic_base_url: str | None = Field(None, description="another address for Claude")
    gemini_base_url: str | None = Field(None, description="another address for Gemini")
    openai_base_url: str | None = Field(None, description="address of a service with OpenAI's protocol (openai/NAME)")
    claude_by: Literal["anthropic", "bedrock", "vertex"] = Field("anthropic", description="who serves Claude")
    gemini_by: Literal["google", "vertex"] = Field("google", description="who serves Gemini")
    tools_path: Several = Field(["."], description="folders and modules in which tools are found")
    tools_python: Path | None = Field(None, description="interpreter that runs tools; without it, the one of Millrace")
    secrets_dir: Path | None = Field(None, description="folder with one file a secret")
    concurrency: int = Field(500, ge=1, description="steps that a worker runs at once")
    grace: float = Field(10.0, ge=0, description="seconds that running steps get when a worker is stopped")
    session: float = Field(6.0, gt=0, description="seconds of silence after which a worker's partitions go to others")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="of worker and projector")
    log_format: Literal["text", "json"] = Field("text", description="of worker and projector")
    security_protocol: Protocol = Field("PLAINTEXT", description="how to speak to Kafka")
    sasl_mechanism: Mechanism = Field("PLAIN", description="how to log in at Kafka")
    sasl_username: str | None = Field(None, description="who logs in at Kafka")
    sasl_password: SecretStr | None = Field(None, description="the password for it")
    ssl_cafile: Path | None = Field(None, description="certificates to trust instead of the system's")
    ssl_certfile: Path | None = Field(None, description="certificate by which Kafka knows this client")
    ssl_keyfile: Path | None = Field(None, description="the key of that certificate")
    ssl_key_password: SecretStr | None = Field(None, description="the password of that key")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Strongest first: flags, environment, file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, dict(_file.get(SettingsFile()).values))

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for part in value.split(","):
            if not _ADDRESS.fullmatch(part.strip()):
                raise ValueError(f"{part.strip()!r} is no HOST:PORT")
        return value

    @field_validator("topic_prefix")
    @classmethod
    def _topic_characters(cls, value: str) -> str:
        if not _PREFIX.fullmatch(value):
            raise ValueError("topics are named with letters, digits, '.', '_' and '-' only")
        return value

    @field_validator("tools_path", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A list, JSON, or as in PATH."""
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.startswith("[") else [part for part in value.split(os.pathsep) if part]

    @field_validator("grace", "session", "snapshot_interval", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        """`10`, or `10s`."""
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            return parse_duration(value) / 1_000_000
        return value

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_username and sasl_password")
        return self

    def kafka_auth(self) -> dict[str, Any]:
        """What aiokafka's clients take for encryption and authentication."""
        auth: dict[str, Any] = {}
        if self.security_protocol != "PLAINTEXT":
            auth["security_protocol"] = self.security_protocol
        if self.security_protocol.startswith("SASL") and self.sasl_password is not None:
            auth["sasl_mechanism"] = self.sasl_mechanism
            auth["sasl_plain_username"] = self.sasl_username
            auth["sasl_plain_password"] = self.sasl_password.get_secret_value()
        if self.security_protocol.endswith("SSL"):
            auth["ssl_context"] = self._ssl_context()
        return auth

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ssl_cafile)
            if self.ssl_certfile is not None:
                password = self.ssl_key_password.get_secret_value() if self.ssl_key_password else None
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, password)
        except (OSError, ssl.SSLError) as error:
            named = [str(path) for path in (self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile) if path]
            remedy = "they must be readable PEM files, and the key must belong to the certificate"
            raise Failure(
                "the TLS files can't be used", where=", ".join(named), cause=str(error), remedy=remedy
            ) from error
        return context


@dataclass(frozen=True, slots=True)
class Origins:
    """Of each setting, where its value comes from: `flag`, `env NAME`, `file PATH` or `default`."""

    of: dict[str, str]
    file: Path | None


def load(**flags: Any) -> Settings:
    """The settings that hold, given these flags beside the global ones (None: not given). Raises Failure."""
    return load_with_origins(**flags)[0]


def load_with_origins(**flags: Any) -> tuple[Settings, Origins]:
    """The settings and where each comes from. Raises Failure."""
    strong = {name: value for name, value in {**given(), **flags}.items() if value not in (None, [])}
    file = read_file(strong.pop("config", None), KNOWN, _PATHS)
    origins = Origins({name: _origin(name, strong, file) for name in KNOWN}, file.path)
    token = _file.set(file)
    try:
        return Settings(**strong), origins
    except ValidationError as error:
        raise _invalid(error, origins) from error
    finally:
        _file.reset(token)


def _origin(name: str, flags: dict[str, Any], file: SettingsFile) -> str:
    if name in flags:
        return "flag"
    if found := variable(name):
        return f"env {found}"
    return f"file {file.path}" if name in file.values else "default"


def _invalid(error: ValidationError, origins: Origins) -> Failure:
    problems = [p for p in error.errors(include_url=False) if p["type"] != "default_factory_not_called"]
    lines = []
    for problem in problems:
        name = str(problem["loc"][0]) if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {name} (from {origins.of[name]}): {message}" if name else f"  {message}")
    what = "a setting can't be used" if len(lines) == 1 else "some settings can't be used"
    return Failure(
        what, remedy="`millrace config --help` tells where settings are made", lines=tuple(lines), code=USAGE
    )


_file: ContextVar[SettingsFile] = ContextVar("settings file")
KNOWN = tuple(Settings.model_fields)
_PATHS = ("tools_path", *(name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation)))
