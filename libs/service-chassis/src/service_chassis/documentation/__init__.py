"""The docs page: Swagger UI at /docs, served by the service itself and locked down by its own policy."""

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # swagger-ui.css draws its icons from data: URLs
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",  # Swagger UI sends its forms with fetch
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items()),
    # During a rollout two releases answer under the same addresses, so browsers ask each time and mostly get a 304.
    "Cache-Control": "no-cache",
}
# Media types are written out: mimetypes depends on the machine, and under nosniff a wrong one stops the script.
_ASSETS = {
    "favicon-32x32.png": ("assets/favicon-32x32.png", "image/png"),
    "index.css": ("assets/index.css", "text/css"),
    "initializer.js": ("initializer.js", "text/javascript"),
    "swagger-ui-bundle.js": ("assets/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui-standalone-preset.js": ("assets/swagger-ui-standalone-preset.js", "text/javascript"),
    "swagger-ui.css": ("assets/swagger-ui.css", "text/css"),
}


def install_documentation(app: FastAPI, *, documents: Mapping[str, str]) -> None:
    """Serve a page at /docs that switches between `documents`, which maps names to URLs of OpenAPI documents."""
    page = _render_page(documents)

    async def show_page(_: Request) -> Response:
        return HTMLResponse(page, headers=_HEADERS)

    async def send_asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _ASSETS:
            raise HTTPException(404)
        # Read once somebody looks at the page: together they take 2 MB.
        return _load_asset(*_ASSETS[name]).answer(if_none_match=request.headers.get("If-None-Match", ""))

    # Starlette routes answer HEAD as well as GET.
    app.add_route("/docs", show_page, include_in_schema=False)
    app.add_route("/docs/{name}", send_asset, include_in_schema=False)


@dataclass(frozen=True)
class _Asset:
    body: bytes
    media_type: str
    etag: str

    def answer(self, *, if_none_match: str) -> Response:
        """Return the asset, or 304 to a browser that has it."""
        headers = _HEADERS | {"ETag": self.etag}
        # Proxies that compress may weaken the tag to W/"…"; for If-None-Match both count as equal (RFC 9110, 13.1.2).
        known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if self.etag in known:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def _render_page(documents: Mapping[str, str]) -> str:
    urls = [{"name": name, "url": url} for name, url in documents.items()]
    template = Template(_read("page.html").decode())
    return template.substitute(documents=html.escape(json.dumps(urls)))


@cache
def _load_asset(path: str, media_type: str) -> _Asset:
    body = _read(path)
    return _Asset(body=body, media_type=media_type, etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _read(path: str) -> bytes:
    return resources.files(__name__).joinpath(path).read_bytes()
