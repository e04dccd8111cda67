from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, ForeignKey, MetaData, UniqueConstraint, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service_chassis.database import Database
from service_chassis.settings import ServiceSettings
from service_chassis.tables import NAMING_CONVENTION, Identified, Timestamped

NewSettings = Callable[..., ServiceSettings]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Shelf(Identified, Timestamped, Base):
    __tablename__ = "shelves"

    label: Mapped[str] = mapped_column(unique=True)


class Book(Identified, Base):
    __tablename__ = "books"
    __table_args__ = (UniqueConstraint("shelf_id", "place"),)

    shelf_id = mapped_column(ForeignKey("shelves.id"))
    place: Mapped[int] = mapped_column(index=True)


@pytest.fixture
async def database(new_settings: NewSettings, database_url: SecretStr) -> AsyncIterator[Database]:
    database = Database(new_settings(database_url=database_url))
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield database
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await database.close()


async def add_shelf(database: Database, label: str) -> Shelf:
    shelf = Shelf(label=label)
    async with database.session() as session:
        session.add(shelf)
    return shelf


async def test_ids_are_uuid7_and_sort_by_time(database: Database) -> None:
    ids = [(await add_shelf(database, str(number))).id for number in range(5)]

    assert {id_.version for id_ in ids} == {7}
    assert ids == sorted(ids)


async def test_times_come_back_with_the_statement(database: Database) -> None:
    shelf = await add_shelf(database, "a")

    assert shelf.created_at == shelf.updated_at
    assert shelf.created_at.tzinfo is not None


async def test_a_change_moves_the_time_of_the_last_change(database: Database) -> None:
    shelf = await add_shelf(database, "a")

    async with database.session() as session:
        session.add(shelf)
        shelf.label = "b"

    assert shelf.updated_at > shelf.created_at


async def test_constraints_have_the_names_that_postgresql_would_choose(database: Database) -> None:
    def names(connection: Connection) -> set[str | None]:
        inspector = inspect(connection)
        tables = Shelf.__tablename__, Book.__tablename__
        return {
            *(inspector.get_pk_constraint(table)["name"] for table in tables),
            *(key["name"] for key in inspector.get_foreign_keys(Book.__tablename__)),
            *(index["name"] for table in tables for index in inspector.get_indexes(table)),
        }

    async with database.engine.connect() as connection:
        found = await connection.run_sync(names)

    assert found == {
        "shelves_pkey",
        "shelves_label_key",
        "books_pkey",
        "books_shelf_id_fkey",
        "books_shelf_id_place_key",
        "books_place_index",
    }
