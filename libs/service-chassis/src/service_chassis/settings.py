"""The settings that every service has, where they are read from, and how a bad one is reported."""

import logging
import os
import re
from collections.abc import Iterator
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from typing_extensions import override

LOCAL_SECRET_KEY = "local-development-only-secret-key"  # noqa: S105  # refused everywhere but on a developer's machine
MINIMUM_SECRET_KEY_CHARACTERS = 32
ENV_FILE = Path(".env")
DEFAULT_SECRETS_DIRECTORY = "/run/secrets"
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Browsers send origins in lower case and without a path, and compare them as text.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")
# Names and values of printable ASCII; what else is in a value is percent-encoded.
_HEADERS = re.compile(r"(?: *[A-Za-z0-9_.-]+ *=[ -+\--~]*(?:,|$))*")


class InvalidSettingsError(Exception):
    """The configuration is wrong; the text has a line for each bad setting and no value."""


def _asyncpg_url(url: SecretStr) -> SecretStr:
    """Accept the spellings that platforms hand out, and libpq's name for the TLS mode."""
    try:
        parsed = make_url(url.get_secret_value())
    except (ArgumentError, ValueError):
        # A port that is no number is quoted in the error, and may be a piece of the password.
        raise ValueError("is not a database URL") from None
    if parsed.drivername not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise ValueError("has to begin with postgresql://, postgres:// or postgresql+asyncpg://")
    if not parsed.database:
        raise ValueError("has to name a database")
    query = {("ssl" if name == "sslmode" else name): value for name, value in parsed.query.items()}
    if not query.keys() <= {"ssl"} or query.get("ssl", "prefer") not in _TLS_MODES:
        raise ValueError(f"may have one parameter, sslmode, which is one of {', '.join(_TLS_MODES)}")
    asyncpg_url = parsed.set(drivername="postgresql+asyncpg", query=query)
    return SecretStr(asyncpg_url.render_as_string(hide_password=False))


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "valkey://", "valkeys://", "unix://")):
        raise ValueError("has to begin with redis://, rediss://, valkey://, valkeys:// or unix://")
    return url


def _split_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _origin(value: str) -> str:
    if value != "*" and not _ORIGIN.fullmatch(value):
        raise ValueError("has to be a list of origins such as https://app.example.com, separated by commas")
    return value


def _headers(text: SecretStr) -> SecretStr:
    if not _HEADERS.fullmatch(text.get_secret_value()):
        raise ValueError("has to be a list of name=value, separated by commas")
    return text


def _strong_enough(keys: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
    """Let a weak key pass on a developer's machine only."""
    if info.data.get("environment") == "local":
        return keys
    values = [key.get_secret_value() for key in keys]
    if LOCAL_SECRET_KEY in values:
        raise ValueError("has to be set when ENVIRONMENT is not local")
    if min(map(len, values)) < MINIMUM_SECRET_KEY_CHARACTERS:
        raise ValueError(f"needs at least {MINIMUM_SECRET_KEY_CHARACTERS} characters when ENVIRONMENT is not local")
    return keys


CommaSeparated = BeforeValidator(_split_commas)
Origin = Annotated[str, AfterValidator(_origin)]
Network = IPv4Network | IPv6Network
SettingsType = TypeVar("SettingsType", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """Read, in this order, from the environment, `.env` and mounted secret files.

    Each setting has two names: its own, shared by every service that reads it, and one with
    the service's prefix, which wins: `AUTH_DATABASE_URL` before `DATABASE_URL`.
    """

    service_prefix: ClassVar[str]

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True)

    environment: Literal["local", "staging", "production"] = "production"
    project_name: str
    version: str = version("service-chassis")
    revision: str = "unknown"
    """Which commit this was built from; an image knows it."""
    api_v1_str: str = Field("/api/v1", pattern=r"^(/[a-z0-9_-]+)+$")
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, CommaSeparated] = ()
    database_url: Annotated[SecretStr, AfterValidator(_asyncpg_url)]
    database_pool_size: int = Field(10, ge=1, le=200)
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    secret_key: Annotated[
        tuple[SecretStr, ...], NoDecode, CommaSeparated, Field(min_length=1), AfterValidator(_strong_enough)
    ] = (SecretStr(LOCAL_SECRET_KEY),)
    """The first encrypts and signs, all of them decrypt and verify, so that a key can be replaced."""
    token_issuer: str = Field("http://localhost:8080", pattern=r"^https?://[^/?#\s]+(/[^/?#\s]+)*/?$")
    token_audience: str = Field("tandem", min_length=1)
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, CommaSeparated] = ()
    """Whose `X-Forwarded-For` tells where a request comes from; everybody else's is ignored."""
    metrics_port: int = Field(9000, ge=1, le=65535)
    """Where Prometheus finds the metrics; no proxy routes it."""
    web_concurrency: int = Field(1, ge=1, le=64)
    """How many processes answer on the port."""
    otel_exporter_otlp_endpoint: str | None = Field(None, pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    """Where a collector takes spans; nothing is traced while this is not set."""
    otel_exporter_otlp_protocol: Literal["grpc", "http/protobuf"] = "http/protobuf"
    otel_exporter_otlp_headers: Annotated[SecretStr, AfterValidator(_headers)] = SecretStr("")
    """What the collector wants to be told with all spans, such as a token: `name=value,name=value`."""
    otel_traces_sampler_arg: float = Field(1.0, ge=0, le=1)
    """Which part of the traces that begin here is recorded; a caller's `traceparent` has decided for its own."""
    access_log_sample_ratio: float = Field(1.0, ge=0, le=1)
    """Which part of the access lines is written; those of a 5xx all are."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "console", "json"] = "auto"

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read every place twice: by the service's own name first, then by the shared one."""
        directory = Path(os.environ.get("SECRETS_DIRECTORY", DEFAULT_SECRETS_DIRECTORY))
        prefixes = (cls.service_prefix, "")
        sources: list[PydanticBaseSettingsSource] = [init_settings]
        sources += [EnvSettingsSource(settings_cls, env_prefix=prefix) for prefix in prefixes]
        sources += [DotEnvSettingsSource(settings_cls, env_file=ENV_FILE, env_prefix=prefix) for prefix in prefixes]
        if directory.is_dir():
            sources += [SecretsSettingsSource(settings_cls, directory, env_prefix=prefix) for prefix in prefixes]
        return tuple(sources)


def load_settings(settings_class: type[SettingsType]) -> SettingsType:
    """Read the settings of a service from its surroundings.

    Raises:
        InvalidSettingsError: with every bad setting named at once.
    """
    # It would repeat, without the file's name, what is said below of lines that can't be read.
    logging.getLogger("dotenv.main").setLevel(logging.ERROR)
    problems = list(_unreadable_lines(ENV_FILE))
    try:
        settings = settings_class()
        if not problems:
            return settings
    except ValidationError as error:
        details = error.errors(include_input=False)
        # A default that depends on another setting is missing because that one is bad, which is said already.
        bad = [detail for detail in details if detail["type"] != "default_factory_not_called"]
        problems += [_describe(detail, settings_class.service_prefix) for detail in bad]
    except UnicodeDecodeError:
        problems.append(f"{ENV_FILE}: is not UTF-8")
    except SettingsError as error:
        problems.append(str(error))
    raise InvalidSettingsError("\n".join(problems))


def _unreadable_lines(env_file: Path) -> Iterator[str]:
    if not env_file.is_file():
        return
    with env_file.open(encoding="utf-8", errors="replace") as stream:
        for binding in parse_stream(stream):
            if binding.error:
                yield f"{env_file}: line {binding.original.line} is not of the form NAME=value"


def _describe(detail: ErrorDetails, prefix: str) -> str:
    name = str(detail["loc"][0]).upper()
    message = detail["msg"].removeprefix("Value error, ")
    return f"{name} (or {prefix}{name}): {message}"
