"""Writes the one access line of a request."""

import logging
import random
from http import HTTPStatus
from typing import TYPE_CHECKING

from service_chassis.logs import write_often

if TYPE_CHECKING:
    from service_chassis.settings import ServiceSettings

_LOGGER = logging.getLogger("access")


class AccessLog:
    """Writes as many of the access lines as the settings say, and every one that tells of an error of ours."""

    def __init__(self, settings: "ServiceSettings") -> None:
        self._sample_ratio = settings.access_log_sample_ratio

    def write(self, *, method: str, route: str | None, status: int, duration_seconds: float) -> None:
        """Write the line of a request that is over, with the ids that are bound to it."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or random.random() < self._sample_ratio:  # noqa: S311  # no secret
            fields = {
                "method": method,
                "route": route,
                "status": status,
                "duration_seconds": round(duration_seconds, 6),
            }
            write_often("request", logger=_LOGGER, fields=fields)
