"""A pair for tests, which need not be asynchronous themselves."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from local_stack.halting import halted
from local_stack.output import Output
from local_stack.pair import DEMO_ITEMS, Pair
from local_stack.pair_settings import PairSettings
from local_stack.services import AUTH, ITEMS, Service
from local_stack.state import StateDirectory


class RunningPair:
    """A pair that runs in a thread of its own."""

    def __init__(self, pair: Pair, *, state_directory: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._pair = pair
        self._loop = loop
        self.base_url = pair.base_url
        self.state_directory = state_directory
        self.auth_url = pair.url(AUTH)
        self.items_url = pair.url(ITEMS)
        self.auth_metrics_url = pair.metrics_url(AUTH)
        self.items_metrics_url = pair.metrics_url(ITEMS)
        self.auth_database_url = pair.database_url(AUTH)
        self.items_database_url = pair.database_url(ITEMS)
        self.superuser_email = pair.settings.superuser_email
        self.superuser_password = pair.superuser_password
        self.feed_client_secret = pair.feed_client_secret
        self.demo_items = [title for title, _ in DEMO_ITEMS] if pair.settings.demo_items else []

    def process_id(self, service: Service) -> int:
        """Return the process id of a service, which is its group's as well."""
        return self._pair.child(service).pid

    def kill(self, service: Service) -> None:
        """End a service at once, as if it had crashed."""
        self._pair.child(service).kill()

    def halted_database(self) -> contextlib.AbstractContextManager[None]:
        """Halt the server of both databases while a block lasts."""
        return halted(self._pair.postgres)

    def stop(self, service: Service) -> None:
        """Stop a service as a deploy would."""
        self._wait_for(self._pair.stop_service(service))

    def start(self, service: Service) -> None:
        """Start a stopped or killed service on its old port and wait until it is ready."""
        self._wait_for(self._pair.start_service(service))

    def _wait_for(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result()


@contextlib.contextmanager
def running_pair(settings: PairSettings, *, state_directory: Path) -> Iterator[RunningPair]:
    """Run a pair; its logs go to `pair.log` in the state directory.

    Raises:
        LocalStackError: when it does not come up.
    """
    state = StateDirectory(state_directory)
    with state.locked(), (state.path / "pair.log").open("ab") as log, _loop_in_a_thread() as loop:
        output = Output(log=log.fileno(), notes=log.fileno(), terminal=False)
        pair = Pair(settings, state=state, output=output)
        try:
            asyncio.run_coroutine_threadsafe(pair.start(), loop).result()
            yield RunningPair(pair, state_directory=state.path, loop=loop)
        finally:
            asyncio.run_coroutine_threadsafe(pair.stop(), loop).result()
            output.close()


@contextlib.contextmanager
def _loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="pair")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
