"""items-service as it is, with its outer layers taken off: `LADDER_LAYERS` says how many stay.

Each layer is a list of the functions that do its work, and of what takes their places without doing any.
"""

import argparse
import os
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from items_service import main
from items_service.core.config import Settings
from items_service.repositories.direct_items import DirectItemRepository, WrittenItem
from service_chassis import hot_endpoints, statement_pool
from service_chassis.access_log import AccessLog
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.hot_endpoints import HotEndpointsMiddleware
from service_chassis.server import serve

# Where a function stands, its name there, and what takes its place.
Part = tuple[object, str, object]


def create_app() -> FastAPI:
    """Return the application of the rung that the environment names."""
    return on_rung(int(os.environ["LADDER_LAYERS"]))


def on_rung(layers: int, settings: Settings | None = None) -> FastAPI:
    """Return the application with so many of its layers; the process has no others from then on."""
    for parts in list(LAYERS.values())[layers:]:
        for owner, name, nothing in parts:
            setattr(owner, name, nothing)
    return main.create_app(settings)


def _remembering_items() -> Callable[..., Any]:
    find, remembered = DirectItemRepository.find, dict[str, WrittenItem | None]()

    async def find_once(self: DirectItemRepository, item_id: str, *, owner_id: UUID | None) -> WrittenItem | None:
        if item_id not in remembered:
            remembered[item_id] = await find(self, item_id, owner_id=owner_id)
        return remembered[item_id]

    return find_once


def _remembering_caller() -> Callable[..., Any]:
    recall, remembered = HotEndpointsMiddleware._recall_caller, list[AccessToken]()  # noqa: SLF001  # a part of a layer

    def recall_once(self: HotEndpointsMiddleware, headers: Mapping[bytes, bytes]) -> AccessToken | None:
        if not remembered and (caller := recall(self, headers)) is not None:
            remembered.append(caller)
        return remembered[0] if remembered else None

    return recall_once


def _same_ids(scope: MutableMapping[str, Any], *_: object, **__: object) -> str:
    scope["state"] = {"request_id": "always-the-same"}
    return "always-the-same"


def _nothing(*_: object, **__: object) -> None:
    """Do nothing, and find nothing wrong."""


class _NotCounted:
    inc = dec = staticmethod(_nothing)


LAYERS: dict[str, list[Part]] = {
    "its statement": [(DirectItemRepository, "find", _remembering_items())],
    "the token": [(HotEndpointsMiddleware, "_recall_caller", _remembering_caller())],
    "ids and log context": [(hot_endpoints, "bind_request_ids", _same_ids)],
    "bounds and security headers": [
        (hot_endpoints, "find_refusal", _nothing),
        (hot_endpoints, "with_security_headers", list),
    ],
    "metrics": [
        (hot_endpoints, "observe_request", _nothing),
        (hot_endpoints, "ACTIVE_REQUESTS", _NotCounted),
        (statement_pool, "MeasuredStatement", nullcontext),
        (statement_pool, "MeasuredWait", nullcontext),
        (statement_pool, "observe_no_wait", _nothing),
    ],
    "the access line": [(AccessLog, "write", _nothing)],
}
"""From the inside out; tracing comes last, and is a matter of settings."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    serve(
        f"{__spec__.name}:create_app", host="127.0.0.1", port=given.port, metrics_port=int(os.environ["METRICS_PORT"])
    )
