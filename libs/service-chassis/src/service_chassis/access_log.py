"""Writes the one access line of a request."""

import logging
import random
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from service_chassis.logs import JsonLines

if TYPE_CHECKING:
    from service_chassis.settings import ServiceSettings

_NAME = "access"
_LOGGER = logging.getLogger(_NAME)
_MESSAGE = "request"


class AccessLog:
    """Writes as many of the access lines as the settings say, and every one that tells of an error of ours."""

    def __init__(self, settings: "ServiceSettings") -> None:
        self._sample_ratio = settings.access_log_sample_ratio

    def write(self, *, method: str, route: str | None, status: int, duration_seconds: float) -> None:
        """Write the line of a request that is over, with the ids that are bound to it."""
        if not self._is_wanted(status):
            return
        fields = {"method": method, "route": route, "status": status, "duration_seconds": round(duration_seconds, 6)}
        json_lines = JsonLines.in_use()
        if json_lines is None:
            structlog.stdlib.get_logger(_NAME).info(_MESSAGE, **fields)
        else:
            json_lines.write(_MESSAGE, logger=_NAME, fields=fields)

    def _is_wanted(self, status: int) -> bool:
        is_sampled = status >= HTTPStatus.INTERNAL_SERVER_ERROR or random.random() < self._sample_ratio  # noqa: S311  # no secret
        return is_sampled and _LOGGER.isEnabledFor(logging.INFO)
