"""What a client does is one trace, from the gateway to the tables of both services, and one id leads to all of it."""

import json
import secrets
from typing import Any
from uuid import uuid4

import httpx

from local_stack.running_pair import RunningPair
from service_chassis.testing.collector import CollectedSpan, Collector

API = "/api/v1"
LOGIN = f"POST {API}/auth/login"
NEW_ITEM = f"POST {API}/items"
READ = f"GET {API}/items/{{item_id}}"


def new_trace() -> tuple[str, str, dict[str, str]]:
    """Begin a trace as a client does: its id, the client's own span, and the header that tells of both."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, {"traceparent": f"00-{trace_id}-{span_id}-01"}


def children(parent: CollectedSpan, spans: list[CollectedSpan]) -> list[str]:
    return [span.name for span in spans if span.parent_id == parent.span_id]


def lines_with(text: str, pair: RunningPair) -> list[dict[str, Any]]:
    log = (pair.state_directory / "pair.log").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in log if text in line]


def test_a_login_and_a_new_item_are_one_trace(client: httpx.Client, pair: RunningPair, collector: Collector) -> None:
    trace_id, span_id, headers = new_trace()
    form = {"username": pair.superuser_email, "password": pair.superuser_password}
    token = client.post(f"{API}/auth/login", data=form, headers=headers).json()["access_token"]
    authorised = headers | {"Authorization": f"Bearer {token}"}
    location = client.post(f"{API}/items", json={"title": "Traced"}, headers=authorised).headers["Location"]
    client.get(location, headers=authorised)

    spans = collector.trace(trace_id, LOGIN, NEW_ITEM, READ)

    requests = {span.name: span for span in spans if span.kind == "SERVER"}
    login, new_item, read = requests[LOGIN], requests[NEW_ITEM], requests[READ]
    assert [span.service for span in (login, new_item, read)] == ["auth-service", "items-service", "items-service"]
    assert {span.parent_id for span in requests.values()} == {span_id}
    assert children(login, spans) == [
        "SELECT users",
        "WITH UPDATE users INSERT sessions INSERT refresh_tokens INSERT audit_events",
    ]
    assert "INSERT items" in children(new_item, spans)
    assert children(read, spans) == ["SELECT items"]
    assert read.attributes["url.path"] == location
    # Nothing stands aside: what is no request is a statement of one.
    assert {span.parent_id for span in spans if span.kind != "SERVER"} <= {span.span_id for span in requests.values()}


def test_every_access_line_of_a_trace_names_its_account(
    client: httpx.Client, pair: RunningPair, collector: Collector
) -> None:
    trace_id, _, headers = new_trace()
    account = {"email": f"{uuid4()}@example.com", "password": "correct horse"}
    registered = client.post(f"{API}/auth/register", json=account, headers=headers).json()
    authorised = headers | {"Authorization": f"Bearer {registered['token']['access_token']}"}
    client.post(f"{API}/items", json={"title": "Traced"}, headers=authorised)

    collector.trace(trace_id, f"POST {API}/auth/register", NEW_ITEM)

    lines = [line for line in lines_with(trace_id, pair) if line["logger"] == "access"]
    assert [line["route"] for line in lines] == [f"{API}/auth/register", f"{API}/items"]
    assert {line["user_id"] for line in lines} == {registered["id"]}


def test_one_request_id_leads_to_the_answer_the_problem_the_log_and_the_trace(
    client: httpx.Client, pair: RunningPair, collector: Collector
) -> None:
    trace_id, _, headers = new_trace()
    request_id = f"screenshot-{uuid4()}"

    answer = client.get(f"{API}/items/{uuid4()}", headers=headers | {"X-Request-ID": request_id})

    (span,) = collector.trace(trace_id, READ)
    lines = lines_with(request_id, pair)
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == request_id
    assert span.attributes["tandem.request_id"] == request_id
    assert [(line["message"], line["status"], line["trace_id"], line["span_id"]) for line in lines] == [
        ("request", 401, trace_id, span.span_id)
    ]
