"""Lets the engines of all applications in a test process share what SQLAlchemy has put into words once."""

import pytest
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import LRUCache

# More than both services have.
_STATEMENTS: LRUCache[object, object] = LRUCache(1000)
# For as long as the process lives, since that is how long the statements do.
_FOR_GOOD = pytest.MonkeyPatch()


def share_statements(engine: AsyncEngine) -> None:
    """Give an engine the statements of those before it, or each test's application would compile its own."""
    engine.sync_engine.update_execution_options(compiled_cache=_STATEMENTS)


def treat_dialects_as_equal() -> None:
    """Let an engine find another's statements, which are kept under the dialect that they were compiled for.

    All of them speak to one server, so their dialects differ in nothing.
    """
    _FOR_GOOD.setattr(PGDialect_asyncpg, "__eq__", lambda dialect, other: type(dialect) is type(other))
    _FOR_GOOD.setattr(PGDialect_asyncpg, "__hash__", lambda dialect: hash(type(dialect)))
