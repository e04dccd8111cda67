"""Sends the head of an answer together with its body: each write to a socket costs 10 µs, and wakes the client."""

import asyncio
from typing import cast

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# What an endless body writes in one turn of the event loop must not gather without a bound.
MAXIMUM_GATHERED_BYTES = 64 * 1024


class WholeAnswersProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which writes a head and a body one after the other, over a transport that gathers."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        gathering = _GatheringTransport(cast("asyncio.Transport", transport))
        super().connection_made(cast("asyncio.Transport", gathering))


class _GatheringTransport:
    """A transport that hands on at once what is written in one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        # Asked about each answer.
        self.is_closing = transport.is_closing
        self._loop = asyncio.get_running_loop()
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    def __getattr__(self, name: str) -> object:
        """Be the transport in everything else."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep what is written until this turn of the event loop is over."""
        if not self._gathered:
            self._loop.call_soon(self._hand_on)
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes > MAXIMUM_GATHERED_BYTES:
            self._hand_on()

    def close(self) -> None:
        """Close the connection after everything that was written."""
        self._hand_on()
        self._transport.close()

    def _hand_on(self) -> None:
        if self._gathered:
            gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
            # The client may be lost since, and uvloop raises when something is written to what is closed.
            if not self._transport.is_closing():
                self._transport.write(b"".join(gathered))
