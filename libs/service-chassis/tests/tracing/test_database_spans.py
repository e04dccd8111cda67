"""What a statement leaves in a trace: its text, and none of its values."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import SecretStr
from sqlalchemy import Text, bindparam, select, text
from sqlalchemy.exc import DBAPIError

from service_chassis.database import Database
from service_chassis.settings import ServiceSettings
from service_chassis.statement_pool import Statement, StatementPool
from service_chassis.testing.collector import Collector

TracedClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

RECORDED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

router = APIRouter()


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


DatabaseDep = Annotated[Database, Depends(get_database)]


@router.get("/value/{value}")
async def read_value(value: str, database: DatabaseDep) -> str | None:
    async with database.session() as session:
        statement = text("SELECT CAST(:value AS text) FROM pg_database LIMIT 1")
        found: str | None = await session.scalar(statement, {"value": value})
        return found


@router.get("/number/{value}")
async def read_number(value: str, database: DatabaseDep) -> None:
    async with database.session() as session:
        with pytest.raises(DBAPIError):
            await session.execute(text("SELECT CAST(CAST(:value AS text) AS integer)"), {"value": value})


@router.get("/pooled/{value}")
async def read_without_a_session(value: str, request: Request) -> str:
    pool: StatementPool = request.app.state.statement_pool
    (row,) = await pool.fetch(Statement(select(bindparam("value", type_=Text).label("found"))), value=value)
    found: str = row.found
    return found


@router.get("/slow")
async def read_slowly(database: DatabaseDep) -> None:
    async with database.session() as session:
        with pytest.raises(DBAPIError):
            await session.execute(text("SELECT pg_sleep(60)"))


@pytest.fixture
def client_of_a_database(
    traced_client: TracedClient, new_settings: Callable[..., ServiceSettings], database_url: SecretStr
) -> TracedClient:
    """Run the application above with a database of its own."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = new_settings(database_url=database_url, otel_exporter_otlp_endpoint="http://127.0.0.1:1")
        app.state.database = database = Database(settings)
        app.state.statement_pool = statement_pool = StatementPool(settings)
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
        yield
        await statement_pool.close()
        await database.close()

    return lambda **values: traced_client(router, lifespan=lifespan, **values)


async def test_a_statement_is_a_span_within_its_requests(
    client_of_a_database: TracedClient, collector: Collector
) -> None:
    async with client_of_a_database() as client:
        assert (await client.get("/api/v1/value/canary")).json() == "canary"

    statement, request = collector.spans

    assert (statement.name, statement.kind, statement.failed) == ("SELECT pg_database", "CLIENT", False)
    assert (statement.trace_id, statement.parent_id) == (request.trace_id, request.span_id)
    assert statement.attributes.items() >= {
        ("db.system.name", "postgresql"),
        ("db.operation.name", "SELECT"),
        ("db.query.summary", "SELECT pg_database"),
        ("db.query.text", "SELECT CAST($1 AS text) FROM pg_database LIMIT 1"),
    }
    assert statement.attributes["db.namespace"].startswith("trial_service_")
    assert "canary" not in statement.everything + request.everything


async def test_a_statement_without_a_session_is_a_span_as_well(
    client_of_a_database: TracedClient, collector: Collector
) -> None:
    async with client_of_a_database() as client:
        assert (await client.get("/api/v1/pooled/canary")).json() == "canary"

    statement, request = collector.spans

    assert (statement.name, statement.parent_id, statement.failed) == ("SELECT", request.span_id, False)
    assert statement.attributes["db.query.text"].startswith("SELECT $1")
    assert "canary" not in statement.everything


async def test_a_statement_that_fails_tells_its_state_and_no_value(
    client_of_a_database: TracedClient, collector: Collector
) -> None:
    async with client_of_a_database() as client:
        await client.get("/api/v1/number/canary")

    statement = collector.spans[0]

    assert statement.failed
    assert statement.attributes["db.response.status_code"] == "22P02"
    assert "canary" not in statement.everything


async def test_a_statement_that_is_given_up_ends_its_span(
    client_of_a_database: TracedClient, collector: Collector
) -> None:
    async with client_of_a_database() as client:
        await client.get("/api/v1/slow")

    statement = collector.spans[0]

    assert (statement.name, statement.failed) == ("SELECT", True)
    assert statement.attributes["db.response.status_code"] == "57014"


async def test_a_statement_of_a_trace_that_is_not_recorded_is_no_span(
    client_of_a_database: TracedClient, collector: Collector
) -> None:
    async with client_of_a_database(otel_traces_sampler_arg=0) as client:
        await client.get("/api/v1/value/one")
        await client.get("/api/v1/value/two", headers=RECORDED)

    assert [span.name for span in collector.spans] == ["SELECT pg_database", "GET /api/v1/value/{value}"]
