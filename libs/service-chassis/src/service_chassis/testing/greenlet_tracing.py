"""A plugin of coverage: follows the calls of each greenlet apart, since SQLAlchemy switches between them inside calls.

Coverage's own way, `concurrency = ["greenlet"]`, asks at every call of the program which greenlet runs, and so doubles
its cost; here it is asked when one switches.
"""

import sys
import threading
from typing import Any
from weakref import WeakKeyDictionary

import greenlet

# A tracer keeps the stack of the calls that it has seen begin; `start` puts it in charge of this thread.
_paused_tracers: WeakKeyDictionary[greenlet.greenlet, Any] = WeakKeyDictionary()
_idle_tracers: list[Any] = []


def coverage_init(_registry: object, _options: object) -> None:
    """Follow the greenlets of this thread and of every later one; coverage calls this in each process it measures."""
    greenlet.settrace(_hand_over)
    # Greenlets are followed thread by thread, and this is the only hook at a thread's beginning that coverage leaves.
    threading.setprofile(_follow_in_new_thread)


def _follow_in_new_thread(*_: object) -> None:
    sys.setprofile(None)
    greenlet.settrace(_hand_over)


def _hand_over(_event: str, switch: tuple[greenlet.greenlet, greenlet.greenlet]) -> None:
    origin, target = switch
    tracer = sys.gettrace()
    if tracer is None:
        return  # Nothing is measured, or by a Python that needs no tracer.
    if origin.dead:
        _idle_tracers.append(tracer)
    else:
        _paused_tracers[origin] = tracer
    next_tracer = _paused_tracers.pop(target, None) or (_idle_tracers.pop() if _idle_tracers else None)
    if next_tracer is not None:
        next_tracer.start()
    else:
        # What coverage has new threads begin with; it makes a tracer.
        sys.settrace(threading.gettrace())
