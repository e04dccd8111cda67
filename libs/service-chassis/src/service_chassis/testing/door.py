"""A way to the database that tests can hold, shut and cut, as networks do."""

import asyncio
import contextlib

from pydantic import SecretStr
from sqlalchemy.engine import make_url

COMMIT = b"COMMIT;\0"
"""What asyncpg sends to commit."""

COMMITTED = b"COMMIT\0"
"""What PostgreSQL answers when it has committed."""


class Door:
    """A way to the database that can be shut, so that nobody is let in, and held, so that nobody is answered."""

    def __init__(self, url: SecretStr) -> None:
        self._url = make_url(url.get_secret_value())
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._copying: set[asyncio.Future[tuple[None, None]]] = set()
        self._flowing = asyncio.Event()
        self._refused: bytes | None = None
        self._held: bytes | None = None
        self.port = 0

    @property
    def url(self) -> SecretStr:
        """The URL of the database through this door."""
        return SecretStr(self._url.set(host="127.0.0.1", port=self.port).render_as_string(hide_password=False))

    async def open(self) -> None:
        """Let everybody in, and everything through."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._let_through, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def hold(self) -> None:
        """Accept whatever is sent, and pass nothing on until the door is open again."""
        self._flowing.clear()

    def cut_once_at(self, message: bytes) -> None:
        """Cut the connection on which this comes next, in the place of letting it through."""
        self._refused = message

    def hold_once_at(self, message: bytes) -> None:
        """Hold the door when this comes next; it is passed on when the door is open again, however late."""
        self._held = message

    async def shut(self) -> None:
        """Cut every connection, and refuse new ones until the door is open again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._flowing.set()
        await asyncio.gather(*self._copying)

    async def _let_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        inner_reader, inner_writer = await asyncio.open_connection(self._url.host, self._url.port)
        self._writers.add(inner_writer)
        copying = asyncio.gather(self._copy(reader, inner_writer), self._copy(inner_reader, writer))
        self._copying.add(copying)
        await copying

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if self._held is not None and self._held in data:
                    self._held = None
                    self.hold()
                await self._flowing.wait()
                if self._refused is not None and self._refused in data:
                    self._refused = None
                    break
                writer.write(data)
        writer.close()
