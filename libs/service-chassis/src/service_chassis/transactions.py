"""What happens once a transaction has committed."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession


def call_on_commit(session: AsyncSession, callback: Callable[[], None]) -> None:
    """Call back once what the session has done is in the database for good; never, when it is rolled back."""
    event.listen(session.sync_session, "after_commit", lambda _: callback(), once=True)
