"""Has PostgreSQL write rows as JSON, in the bytes of models, since decoding and writing them here takes far longer."""

from typing import Any

from sqlalchemy import Column, ColumnElement, DateTime, Integer, String, Uuid, func, inspect, literal_column
from sqlalchemy.orm import DeclarativeBase


def written_as_json(table: type[DeclarativeBase]) -> ColumnElement[str]:
    """Return an object with the columns of a table, in their order."""
    parts: list[ColumnElement[Any]] = []
    for column in inspect(table).columns:
        parts += [_constant(f'{"," if parts else "{"}"{column.name}":'), *_value(column)]
    return func.concat(*parts, _constant("}"))


def _value(column: Column[Any]) -> list[ColumnElement[Any]]:
    if column.nullable:
        raise TypeError(f"{column} may be null, of which nothing would be written")
    quote = _constant('"')
    match column.type:
        case Integer():
            return [column]
        case Uuid():
            return [quote, column, quote]
        case DateTime(timezone=True):
            return [quote, _in_utc(column), quote]
        case String():
            return [func.to_json(column)]
        case other:
            raise TypeError(f"{column} is of the type {other!r}, which nobody has compared with what models write")


def _in_utc(column: Column[Any]) -> ColumnElement[str]:
    """Write a time as models do: microseconds have six digits, or none where there are none."""
    written = func.to_char(func.timezone(_constant("UTC"), column), _constant('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    return func.replace(written, _constant(".000000Z"), _constant("Z"))


def _constant(text: str) -> ColumnElement[str]:
    """Spell text out, as a parameter for it would be sent with each execution."""
    return literal_column("'" + text.replace("'", "''") + "'")
