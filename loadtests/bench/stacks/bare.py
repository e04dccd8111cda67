"""The least that an ASGI server can do: the same bytes for everybody."""

from starlette.types import ASGIApp, Receive, Scope, Send

from loadtests.bench.stacks.serving import Surroundings, serve

BODY = b'{"status":"ok"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


def new_app(_surroundings: Surroundings) -> ASGIApp:
    """Return a callable that neither looks at a request nor asks anybody."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})

    return app


if __name__ == "__main__":
    serve(new_app)
