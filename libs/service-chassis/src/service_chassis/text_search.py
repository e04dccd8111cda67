"""Full-text search that takes words as people type them."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Text, cast, func
from sqlalchemy.dialects.postgresql import TSQUERY


def prefix_query(words: str | BindParameter[str]) -> ColumnElement[Any]:
    """Let PostgreSQL take the words apart, so that nothing in them is an operator; the last one matches as a prefix."""
    lexemes = cast(func.plainto_tsquery("simple", words), Text)
    return cast(func.nullif(lexemes, "") + ":*", TSQUERY)
