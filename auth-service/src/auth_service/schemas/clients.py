"""Machine clients: how they are made, and how they say who they are."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from service_chassis.access_tokens.scopes import SERVICE_SCOPES
from service_chassis.strict_json import StrictModel

# Letters that every way of sending a secret leaves as they are: many programs forget to encode for HTTP Basic.
_SECRET = re.compile(r"[A-Za-z0-9._~-]{32,128}")
_NAME = r"^[a-z0-9-]{1,63}$"


def _known(scope: str) -> str:
    if scope not in SERVICE_SCOPES:
        raise PydanticCustomError(
            "unknown_scope", "Scopes of machine clients are {known}", {"known": ", ".join(SERVICE_SCOPES)}
        )
    return scope


def _plain(secret: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise PydanticCustomError("weak_secret", "Secret should have 32 to 128 letters, digits or characters of -._~")
    return secret


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a request says about which machine client sends it."""

    client_id: str
    client_secret: SecretStr


class ClientCreate(StrictModel):
    """A new machine client."""

    name: Annotated[str, Field(pattern=_NAME)]
    scopes: Annotated[list[Annotated[str, AfterValidator(_known)]], Field(min_length=1)]
    secret: Annotated[SecretStr, AfterValidator(_plain)]
