"""Commands about signing keys."""

import asyncio
import contextlib
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import click

from auth_service.core.config import Settings
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from auth_service.services.key_rotation import KeyRotation, ListedKey, Replacement, Rotation

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_COLUMNS = ("KEY", "ALGORITHM", "STATE", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL", "SECRET")


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None:
        raise click.BadParameter("has to be a number and a unit, such as 30d, 12h, 90m or 10s")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.group()
def keys() -> None:
    """List, rotate and drop the keys that tokens are signed with."""


@keys.command("list")
def list_keys() -> None:
    """List the keys, with the newest first.

    A key is published before it signs, then signing, then retiring while tokens that it signed are valid, then gone.
    SECRET says which of SECRET_KEY it is sealed with: the first, an older one, or none of them.
    """
    for row in (_COLUMNS, *map(_row, asyncio.run(_list_keys(_load_settings())))):
        click.echo(f"{row[0]:<36}  {row[1]:<9}  {row[2]:<9}  {row[3]:<20}  {row[4]:<20}  {row[5]:<20}  {row[6]}")


@keys.command()
@click.option(
    "--if-older-than",
    metavar="30d",
    type=_duration,
    default="0s",
    help="Only when the newest key is older (s, m, h or d).",
)
@dry_run_option
def rotate(*, if_older_than: timedelta, dry_run: bool) -> None:
    """Publish the next key, which signs after SIGNING_KEY_PUBLISH_SECONDS; safe to run at any time, also twice at once.

    Does not add another key while one waits to sign. A changed ALGORITHM makes a new key due. In any case the keys are
    sealed with the first SECRET_KEY, and those that are gone are deleted.
    """
    rotation = asyncio.run(_rotate(_load_settings(), if_older_than=if_older_than, dry_run=dry_run))
    for line in _describe(rotation):
        click.echo(f"{'Would have ' if dry_run else 'Has '}{line}")


@keys.command()
@click.argument("key_id", metavar="KEY", type=click.UUID)
@dry_run_option
def drop(key_id: UUID, *, dry_run: bool) -> None:
    """Take a key that leaked from everybody within seconds: tokens that it signed are refused from then on.

    KEY is its id, the `kid`, as `keys list` shows it.
    Another key signs at once, the one before or the one that waits; a new one is made when there is none.
    """
    replacement = asyncio.run(_drop(_load_settings(), key_id=key_id, dry_run=dry_run))
    successor = "a new key" if replacement.is_new else f"key {replacement.signing.key.id}"
    click.echo(
        f"{'Would drop' if dry_run else 'Dropped'} {key_id}; {successor} {'would sign' if dry_run else 'signs'} now."
    )


async def _list_keys(settings: Settings) -> "Sequence[ListedKey]":
    async with _key_rotation(settings) as rotation:
        return await rotation.list_keys()


async def _rotate(settings: Settings, *, if_older_than: timedelta, dry_run: bool) -> "Rotation":
    async with _key_rotation(settings, dry_run=dry_run) as rotation:
        return await rotation.rotate(if_older_than=if_older_than)


async def _drop(settings: Settings, *, key_id: UUID, dry_run: bool) -> "Replacement":
    async with _key_rotation(settings, dry_run=dry_run) as rotation:
        return await rotation.drop(key_id)


class _DryRun(Exception):  # noqa: N818  # no error: it takes back what was only to be shown
    pass


@asynccontextmanager
async def _key_rotation(settings: Settings, *, dry_run: bool = False) -> "AsyncIterator[KeyRotation]":
    from auth_service.api.resources import new_key_rotation
    from auth_service.schemas.devices import COMMAND_LINE
    from service_chassis.database import Database

    database = Database(settings)
    try:
        with contextlib.suppress(_DryRun):
            async with database.session() as session:
                yield new_key_rotation(session, settings=settings, device=COMMAND_LINE)
                if dry_run:
                    raise _DryRun
    finally:
        await database.close()


def _load_settings() -> Settings:
    settings = load_settings(Settings)
    configure_logging(settings)
    return settings


def _row(listed: "ListedKey") -> tuple[str, ...]:
    key, state = listed.stored.key, listed.stored.state
    times = map(_short, (key.created_at, key.signs_from, key.published_until))
    return str(key.id), key.algorithm, state, *times, listed.sealed_with


def _describe(rotation: "Rotation") -> "Iterator[str]":
    if rotation.new_key is None:
        yield "made no key: none was due."
    else:
        key = rotation.new_key.key
        yield f"published key {key.id} ({key.algorithm}), which signs from {_short(key.signs_from)}."
    if rotation.resealed:
        yield f"sealed with the first SECRET_KEY: {rotation.resealed}."
    if rotation.deleted:
        yield f"deleted keys that are gone: {rotation.deleted}."


def _short(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
