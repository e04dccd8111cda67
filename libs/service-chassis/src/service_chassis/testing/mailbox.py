"""A mail server on a real socket that keeps what it gets."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from service_chassis.testing.servers import LOOPBACK

_PATIENCE_SECONDS = 20


class Mailbox:
    """What arrived, in the order of arrival; `answers` are given, one each, instead of taking a mail."""

    def __init__(self) -> None:
        self.port = 0
        self.answers: list[str] = []
        self.attempts = 0
        self._arrived: asyncio.Queue[EmailMessage] = asyncio.Queue()

    @property
    def url(self) -> str:
        """The server as `SMTP_URL` names it."""
        return f"smtp://{LOOPBACK}:{self.port}?starttls=false"

    async def receive(self) -> EmailMessage:
        """Wait for the next mail."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await self._arrived.get()

    def is_empty(self) -> bool:
        """Whether no mail has arrived that was not received."""
        return self._arrived.empty()

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        """Take a mail, or answer what the test wants to be answered."""
        self.attempts += 1
        if self.answers:
            return self.answers.pop(0)
        message = message_from_bytes(envelope.original_content or b"", policy=default)
        self._arrived.put_nowait(message)
        return "250 OK"


@asynccontextmanager
async def open_mailbox(**options: Any) -> AsyncIterator[Mailbox]:  # whatever aiosmtpd's server takes
    """Listen until the block ends."""
    mailbox, loop = Mailbox(), asyncio.get_running_loop()

    def new_connection() -> SMTP:
        return SMTP(mailbox, hostname="mail.example.com", enable_SMTPUTF8=True, loop=loop, **options)

    server = await loop.create_server(new_connection, LOOPBACK, 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    yield mailbox
    server.close()
    await server.wait_closed()


class ThreadedMailbox:
    """A mailbox for tests that are not asynchronous themselves."""

    def __init__(self, mailbox: Mailbox, loop: asyncio.AbstractEventLoop) -> None:
        self.url = mailbox.url
        self._mailbox = mailbox
        self._loop = loop

    def receive(self) -> EmailMessage:
        """Wait for the next mail."""
        return asyncio.run_coroutine_threadsafe(self._mailbox.receive(), self._loop).result()


@contextmanager
def mailbox_in_a_thread() -> Iterator[ThreadedMailbox]:
    """Listen in another thread until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mailbox")
    thread.start()
    opening = open_mailbox()
    mailbox = asyncio.run_coroutine_threadsafe(opening.__aenter__(), loop).result()
    try:
        yield ThreadedMailbox(mailbox, loop)
    finally:
        asyncio.run_coroutine_threadsafe(opening.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
