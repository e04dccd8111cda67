"""How every compared server is started: with the same uvicorn and the same options as the services."""

import argparse
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service_chassis.server import SERVER_OPTIONS
from service_chassis.testing.issuer import AUDIENCE, ISSUER

Answer = Callable[[Scope, Receive], Awaitable[tuple[int, bytes]]]


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


def answering(answer: Answer, *, meanwhile: AbstractAsyncContextManager[object] | None = None) -> ASGIApp:
    """Return an application that sends what `answer` says, and has nothing else but what is open meanwhile."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await receive()
            async with meanwhile or nullcontext():
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        status, body = (404, b"") if scope["path"].startswith("/health") else await answer(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
