"""Entity tags: an item's is its version, so that a change by somebody else is noticed (RFC 9110, section 13)."""

import re
from collections.abc import Container
from typing import Annotated

from fastapi import Depends, Header

EVERY_VERSION = range(2**31)
"""What `*` stands for, and no condition at all."""

_STRONG_TAG = re.compile(r'(?<!W/)"(\d{1,9})"')
_ANY_TAG = re.compile(r'"(\d{1,9})"')


def etag(version: int) -> str:
    """Return the tag of a version."""
    return f'"{version}"'


def _versions(pattern: re.Pattern[str], header: str) -> Container[int]:
    return EVERY_VERSION if header.strip() == "*" else frozenset(map(int, pattern.findall(header)))


async def get_versions_to_change(
    if_match: Annotated[str | None, Header(description="Change the item only if its `ETag` is one of these.")] = None,
) -> Container[int]:
    """Return the versions that `If-Match` allows to change; weak tags don't count, as the standard says."""
    return EVERY_VERSION if if_match is None else _versions(_STRONG_TAG, if_match)


async def get_versions_known(
    if_none_match: Annotated[
        str | None, Header(description="Answer 304 without a body if the item's `ETag` is one of these.")
    ] = None,
) -> Container[int]:
    """Return the versions that the client holds already."""
    return frozenset() if if_none_match is None else versions_known(if_none_match)


def versions_known(if_none_match: str) -> Container[int]:
    """Return the versions that the header names; weak tags count, as the standard says."""
    return _versions(_ANY_TAG, if_none_match)


VersionsToChange = Annotated[Container[int], Depends(get_versions_to_change)]
VersionsKnown = Annotated[Container[int], Depends(get_versions_known)]
