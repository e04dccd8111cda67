"""`make run`: the pair on this machine until somebody presses Ctrl-C."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from local_stack.card import card
from local_stack.errors import LocalStackError
from local_stack.output import STANDARD_OUTPUT, Output
from local_stack.pair import Pair
from local_stack.pair_settings import PairSettings
from local_stack.polling import poll_until
from local_stack.ports import ensure_port_is_free, parse_port
from local_stack.state import StateDirectory

DEFAULT_PORT = "8080"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(repository: Path) -> None:
    """Run the pair; return when it was told to stop and everything has stopped.

    Raises:
        LocalStackError: when it can't run; then everything has stopped as well.
    """
    reopen_closed_streams()
    port = parse_port(os.environ.get("PORT", DEFAULT_PORT))
    state = StateDirectory(repository / os.environ.get("TANDEM_STATE_DIRECTORY", ".tandem"))
    settings = PairSettings(port=port, working_directory=repository, reload=True, demo_items=True)
    with state.locked():
        ensure_port_is_free(port)
        output = Output()
        try:
            asyncio.run(_run_until_told_to_stop(settings, state=state, output=output))
        finally:
            output.close()


def reopen_closed_streams() -> None:
    """Point closed standard streams at nothing, so that no file or socket gets their numbers and the logs."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is given out, and that is the one just found closed.
            os.open(os.devnull, os.O_RDWR)


async def _run_until_told_to_stop(settings: PairSettings, *, state: StateDirectory, output: Output) -> None:
    told_to_stop = asyncio.Event()
    _listen_for_stop_signals(told_to_stop.set)
    pair = Pair(settings, state=state, output=output)
    starting = asyncio.create_task(pair.start())
    waiting = asyncio.create_task(told_to_stop.wait())
    watching = asyncio.create_task(_watch_terminal(output, told_to_stop))
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            email = settings.superuser_email
            output.note(card(base_url=pair.base_url, email=email, password=pair.superuser_password))
            await waiting
    finally:
        # Whoever asks a second time does not want to wait.
        _listen_for_stop_signals(pair.kill)
        waiting.cancel()
        watching.cancel()
        await _cancel(starting)
        await pair.stop()


def _listen_for_stop_signals(handler: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        # nohup ignores SIGHUP for its command, and that has to stay so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, handler)


async def _watch_terminal(output: Output, told_to_stop: asyncio.Event) -> None:
    """Notice a closed terminal where the kernel tells it to make alone, which does not pass it on."""
    if not output.is_terminal or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    await poll_until(lambda: not os.isatty(STANDARD_OUTPUT), every_seconds=0.5)
    told_to_stop.set()


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, LocalStackError):
        await task
