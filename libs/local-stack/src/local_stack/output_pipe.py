"""The pipe through which a process of the stack and its own children are heard."""

import asyncio
import os
from typing import Self

LONGEST_LINE_BYTES = 64 * 1024


class OutputPipe:
    """What a process and those it has started say.

    With a pipe of asyncio's own, waiting for the process would mean waiting for everybody who has inherited the pipe.
    """

    def __init__(self, *, write_end: int, stream: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self.write_end = write_end
        self._stream = stream
        self._transport = transport

    @classmethod
    async def open(cls) -> Self:
        """Make a pipe; give its write end to a process, then close that here."""
        read_end, write_end = os.pipe()
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(read_end, "rb", buffering=0)
        )
        return cls(write_end=write_end, stream=stream, transport=transport)

    async def read(self) -> bytes:
        """Return the next piece, or nothing when everybody has closed the pipe."""
        return await self._stream.read(LONGEST_LINE_BYTES)

    def close(self) -> None:
        """Read no more, whoever still writes."""
        self._transport.close()
