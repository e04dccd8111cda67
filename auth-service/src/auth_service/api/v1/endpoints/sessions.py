"""One's own sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from auth_service.api.dependencies import CurrentSessionId, CurrentUser, SessionServiceDep
from auth_service.errors import InactiveUserError, SessionNotFoundError
from auth_service.schemas.sessions import SessionList, SessionsToEnd
from service_chassis.errors import (
    DatabaseUnavailableError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
)
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

router = APIRouter(
    prefix="/auth/sessions",
    tags=["auth"],
    route_class=StrictRoute,
    responses=documented_problems(
        MissingTokenError, InvalidTokenError, InsufficientScopeError, InactiveUserError, DatabaseUnavailableError
    ),
)


@router.get("")
async def list_sessions(user: CurrentUser, current_id: CurrentSessionId, sessions: SessionServiceDep) -> SessionList:
    """Return my live sessions, the last used first, at most 100."""
    return SessionList.seen_from(current_id, await sessions.list_live(user.id))


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def end_sessions(
    which: Annotated[SessionsToEnd, Query()],
    user: CurrentUser,
    current_id: CurrentSessionId,
    sessions: SessionServiceDep,
) -> None:
    """End all of my sessions, on every device; with `keep_current`, all others."""
    await sessions.end_all(user.id, kept_id=current_id if which.keep_current else None)


@router.delete(
    "/{session_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=documented_problems(SessionNotFoundError),
)
async def end_session(session_id: UUID, user: CurrentUser, sessions: SessionServiceDep) -> None:
    """End one of my sessions."""
    await sessions.end_own(session_id, user_id=user.id)
