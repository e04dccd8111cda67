"""Answers the three questions of an orchestrator: does it live, is it ready, and what is wrong."""

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel

from service_chassis.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service_chassis.database import Database


class Health(BaseModel):
    """The state of a service and of what it can't serve without."""

    status: Literal["ok", "unavailable"]
    service: str
    version: str
    checks: dict[str, str]


class Readiness:
    """Judges whether this process should get traffic: own database there and migrated, and what it needs is loaded.

    A process that has not started, or is draining, has no open listener: the probe fails without being asked.
    """

    def __init__(
        self, *, database: "Database", schema_revision: str, loaded: "Mapping[str, Callable[[], bool]] | None" = None
    ) -> None:
        self._database = database
        self._schema_revision = schema_revision
        self._loaded = loaded or {}

    async def failed_checks(self) -> dict[str, str]:
        """Return what stands in the way, by name of the check; empty when ready."""
        try:
            revision = await self._database.schema_revision()
        except DatabaseUnavailableError:
            return {"database": "unavailable"}
        # Revisions are numbers that rise; a newer schema is fine, since migrations expand before they contract.
        if revision is None or revision < self._schema_revision:
            return {"schema": f"behind: needs {self._schema_revision}, has {revision}"}
        return {name: "not loaded yet" for name, is_loaded in self._loaded.items() if not is_loaded()}


def install_health(app: FastAPI, readiness: Readiness) -> None:
    """Serve `/health`, `/health/live` and `/health/ready`; the gateway routes none of them."""
    app.state.readiness = readiness
    app.include_router(_router)


_router = APIRouter(prefix="/health", include_in_schema=False)


@_router.get("/live")
async def live() -> dict[str, str]:
    """Answer as long as the process can; depends on nothing."""
    return {"status": "ok"}


async def _get_health(request: Request, response: Response) -> Health:
    failed = await request.app.state.readiness.failed_checks()
    response.status_code = 503 if failed else 200
    return Health(
        status="unavailable" if failed else "ok",
        service=request.app.title,
        version=request.app.version,
        checks=failed,
    )


HealthDep = Annotated[Health, Depends(_get_health)]


@_router.get("")
@_router.get("/ready")
async def ready(health: HealthDep) -> Health:
    """Answer 200 when requests can be served, 503 with the reasons when not."""
    return health
