"""When Python looks for garbage: not while a process makes what stays, which would take a fifth of its start."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Look for no garbage while a block makes what stays until the process ends, and through all that never again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
