"""How every compared server is started: with the same uvicorn and the same options as the services."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import uvicorn
from starlette.types import ASGIApp

from service_chassis.server import SERVER_OPTIONS
from service_chassis.testing.issuer import AUDIENCE, ISSUER


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a compared server needs: the database of items-service, and the key that tokens are signed with."""

    database_url: str
    key_set: jwt.PyJWKSet

    def verify(self, token: str) -> UUID:
        """Return whose token it is, as PyJWT verifies it."""
        key = self.key_set[jwt.get_unverified_header(token)["kid"]]
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)
        return UUID(claims["sub"])


def serve(new_app: Callable[[Surroundings], ASGIApp]) -> None:
    """Serve the application until a signal ends it; the command line says where and over what."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database-url-file", type=Path, required=True)
    parser.add_argument("--key-set-file", type=Path, required=True)
    given = parser.parse_args()
    surroundings = Surroundings(
        database_url=given.database_url_file.read_text(), key_set=jwt.PyJWKSet.from_json(given.key_set_file.read_text())
    )
    uvicorn.run(new_app(surroundings), host="127.0.0.1", port=given.port, log_level="warning", **SERVER_OPTIONS)
