"""Tells an application that its process was asked to end, while requests are still under way."""

from collections.abc import Callable

from fastapi import FastAPI


def when_asked_to_end(app: FastAPI, callback: Callable[[], None]) -> None:
    """Have this called once the process is asked to end: what a request waits for longer than a moment ends there.

    The lifespan ends later: only after every request under way has been answered.
    """
    app.state.ending_callbacks = (*_callbacks(app), callback)


def tell_that_the_end_has_begun(app: object) -> None:
    """Call what the application wants to have called."""
    for callback in _callbacks(app):
        callback()


def _callbacks(app: object) -> tuple[Callable[[], None], ...]:
    callbacks: tuple[Callable[[], None], ...] = getattr(getattr(app, "state", None), "ending_callbacks", ())
    return callbacks
