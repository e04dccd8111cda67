"""Work that goes on after the answer."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from auth_service.core.config import Settings
from auth_service.services.background import BackgroundWork
from service_chassis.logs import configure_logging


@pytest.fixture(autouse=True)
def _logging() -> None:
    configure_logging(Settings(environment="local", database_url=SecretStr("postgresql://localhost/any")))


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines: list[Any] = [record.msg for record in caplog.records]
    return [line["event"] for line in lines if isinstance(line, dict)]


async def test_more_work_than_there_is_room_for_is_dropped_with_a_line(caplog: pytest.LogCaptureFixture) -> None:
    background, done = BackgroundWork(maximum_pieces=2), []

    async def work(number: int) -> None:
        done.append(number)

    for number in range(3):
        background.start("counting", work(number))
    await background.close()

    assert done == [0, 1]
    assert events(caplog) == ["background work dropped: too much is waiting"]


async def test_there_is_room_again_when_work_has_ended() -> None:
    background, ended = BackgroundWork(maximum_pieces=1), asyncio.Queue[int]()

    for number in range(3):
        background.start("counting", ended.put(number))
        assert await ended.get() == number
        await asyncio.sleep(0)


async def test_work_that_fails_is_a_line_and_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    background, ended = BackgroundWork(), asyncio.Event()

    async def fail() -> None:
        raise LookupError

    async def succeed() -> None:
        ended.set()

    background.start("failing", fail())
    background.start("succeeding", succeed())
    await background.close()

    assert ended.is_set()
    assert events(caplog) == ["background work failed"]


async def test_shutdown_waits_for_what_work_begins_and_ends_its_pauses() -> None:
    background, ended = BackgroundWork(), asyncio.Event()

    async def begin() -> None:
        await background.pause(3600)
        background.start("finishing", finish())

    async def finish() -> None:
        ended.set()

    background.start("beginning", begin())
    await background.close()

    assert ended.is_set()


async def test_work_without_end_is_cancelled_at_shutdown_with_a_line(caplog: pytest.LogCaptureFixture) -> None:
    background, cancelled = BackgroundWork(closing_seconds=0.01), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    background.start("hanging", hang())
    await background.close()

    assert cancelled.is_set()
    assert events(caplog) == ["background work lost at shutdown"]
