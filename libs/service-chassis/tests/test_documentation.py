"""The docs page without a browser; tests/e2e/test_docs_page.py drives a real one."""

import hashlib
import html
import json
import re
from collections.abc import AsyncIterator
from importlib import resources

import httpx
import pytest
from fastapi import FastAPI

from service_chassis.documentation import install_documentation

DOCUMENTS = {"auth-service": "/api/v1/auth/openapi.json", "items-service": "/api/v1/items/openapi.json"}
MEDIA_TYPES = {
    "favicon-32x32.png": "image/png",
    "index.css": "text/css; charset=utf-8",
    "initializer.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None, redoc_url=None)
    install_documentation(app, documents=DOCUMENTS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://docs.test") as client:
        yield client


async def test_page_names_only_files_of_its_own_host(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")

    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    links = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert {link.removeprefix("/docs/") for link in links} == set(MEDIA_TYPES)


async def test_page_carries_the_documents_in_their_order(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")

    attribute = re.search(r'data-documents="([^"]*)"', page.text)
    assert attribute is not None
    urls = json.loads(html.unescape(attribute[1]))
    assert urls == [{"name": name, "url": url} for name, url in DOCUMENTS.items()]


async def test_page_holds_no_inline_script_or_style(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")

    assert re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page.text) is None


async def test_document_names_cannot_leave_the_attribute() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    install_documentation(app, documents={'"><script>alert(1)</script>': "/openapi.json"})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://docs.test") as client:
        page = await client.get("/docs")

    assert "<script>" not in page.text


@pytest.mark.parametrize(("name", "media_type"), MEDIA_TYPES.items())
async def test_asset_answers_with_its_media_type(client: httpx.AsyncClient, name: str, media_type: str) -> None:
    asset = await client.get(f"/docs/{name}")

    assert asset.status_code == 200
    assert asset.headers["Content-Type"] == media_type
    assert int(asset.headers["Content-Length"]) == len(asset.content) > 0


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{name}" for name in MEDIA_TYPES)])
async def test_every_answer_carries_the_strict_policy(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    policy = dict(directive.split(" ", 1) for directive in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in str(policy)


async def test_browser_that_has_an_asset_gets_304(client: httpx.AsyncClient) -> None:
    first = await client.get("/docs/swagger-ui.css")

    again = await client.get("/docs/swagger-ui.css", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    stale = await client.get("/docs/swagger-ui.css", headers={"If-None-Match": '"other"'})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert stale.status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/docs/swagger-ui.css"])
async def test_head_is_answered(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/docs/unknown.js",
        "/docs/page.html",
        "/docs/assets/LICENSE",
        "/docs/__init__.py",
        "/docs/..%2f__init__.py",
        "/docs/%2e%2e/%2e%2e/settings.py",
        "/docs/%00",
    ],
)
async def test_anything_else_is_404(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_docs_stay_out_of_the_openapi_document(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json()["paths"] == {}


def test_vendored_files_are_the_released_ones() -> None:
    assets = resources.files("service_chassis.documentation").joinpath("assets")
    recorded = [line.split() for line in assets.joinpath("SHA256SUMS").read_text().splitlines()]

    actual = [[hashlib.sha256(assets.joinpath(name).read_bytes()).hexdigest(), name] for _, name in recorded]

    assert actual == recorded


def test_vendored_version_is_the_recorded_one() -> None:
    assets = resources.files("service_chassis.documentation").joinpath("assets")
    version = re.search(r"^Version: (5\.\d+\.\d+)$", assets.joinpath("README.md").read_text(), re.MULTILINE)

    assert version is not None
    assert f'"{version[1]}"' in assets.joinpath("swagger-ui-bundle.js").read_text("utf-8")
