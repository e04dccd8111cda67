"""PostgreSQL writes a row in the bytes that a model would write."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy import ARRAY, DateTime, Text, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service_chassis.database import Database
from service_chassis.json_rows import written_as_json
from service_chassis.settings import ServiceSettings
from service_chassis.tables import Identified

NewSettings = Callable[..., ServiceSettings]

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Base(DeclarativeBase):
    pass


class Note(Identified, Base):
    __tablename__ = "notes"
    __table_args__ = {"prefixes": ["TEMPORARY"]}  # noqa: RUF012  # SQLAlchemy types it so

    words: Mapped[str] = mapped_column(Text)
    number: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class NoteInJson(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    words: str
    number: int
    made_at: datetime


class MaybeNull(Identified, Base):
    __tablename__ = "maybe_null"

    words: Mapped[str | None]


class WithoutZone(Identified, Base):
    __tablename__ = "without_zone"

    made_at: Mapped[datetime] = mapped_column(DateTime)


class Several(Identified, Base):
    __tablename__ = "several"

    words: Mapped[list[str]] = mapped_column(ARRAY(Text))


@pytest.fixture
async def session(new_settings: NewSettings, database_url: SecretStr) -> AsyncIterator[AsyncSession]:
    database = Database(new_settings(database_url=database_url))
    async with database.session() as session:
        await (await session.connection()).run_sync(Note.metadata.tables["notes"].create)
        yield session
        await session.rollback()
    await database.close()


async def test_any_text_is_written_as_a_model_writes_it(session: AsyncSession) -> None:
    words = [
        "",
        "\"quotes\" 'and' \\backslashes\\ /slashes/ \\n \\u0041 %s $1 :name {0} <b>&amp;</b>",
        "".join(map(chr, range(1, 32))),
        "\x7f\x80\x9f\xa0\xad",
        "é ß ﬁ 中文 \u202e\u200d\ufeff",
        "\u2028\u2029\ud7ff\ue000\ufffd\uffff",
        "🚲 👩\u200d🚲 \U0010ffff",
        "a" * 10_000,
    ]

    await assert_alike(session, [Note(words=text, number=1, made_at=NOON) for text in words])


async def test_any_number_is_written_as_a_model_writes_it(session: AsyncSession) -> None:
    numbers = [0, 1, -1, 2**31 - 1, -(2**31)]

    await assert_alike(session, [Note(words="", number=number, made_at=NOON) for number in numbers])


@pytest.mark.parametrize("time_zone", ["UTC", "America/St_Johns"])
async def test_any_time_is_written_as_a_model_writes_it(session: AsyncSession, time_zone: str) -> None:
    times = [NOON.replace(microsecond=microsecond) for microsecond in (0, 1, 120_000, 999_999)]
    times += [datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)]
    await session.execute(text(f"SET LOCAL TIME ZONE '{time_zone}'"))

    await assert_alike(session, [Note(words="", number=1, made_at=time) for time in times])


@pytest.mark.parametrize("table", [MaybeNull, WithoutZone, Several])
def test_what_may_be_written_differently_is_refused(table: type[Base]) -> None:
    with pytest.raises(TypeError):
        written_as_json(table)


async def assert_alike(session: AsyncSession, notes: Sequence[Note]) -> None:
    session.add_all(notes)
    await session.flush()
    written = await session.scalars(select(written_as_json(Note)).order_by(Note.id))

    assert written.all() == [NoteInJson.model_validate(note).model_dump_json() for note in notes]
