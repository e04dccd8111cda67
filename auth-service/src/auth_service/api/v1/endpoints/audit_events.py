"""The audit trail, for superusers."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from auth_service import models
from auth_service.api.administration_dependencies import AuditHistoryDep
from auth_service.errors import InactiveUserError
from auth_service.schemas.audit_events import AuditEventPage, AuditEventQuery
from service_chassis.errors import (
    DatabaseUnavailableError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
)
from service_chassis.pagination import LINK_HEADER, InvalidCursorError, Page, link_next_page
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

router = APIRouter(
    prefix="/auth/audit-events",
    tags=["auth"],
    route_class=StrictRoute,
    responses=documented_problems(
        MissingTokenError, InvalidTokenError, InsufficientScopeError, InactiveUserError, DatabaseUnavailableError
    ),
)


@router.get("", response_model=AuditEventPage, responses={**LINK_HEADER, **documented_problems(InvalidCursorError)})
async def list_audit_events(
    query: Annotated[AuditEventQuery, Query()], history: AuditHistoryDep, request: Request, response: Response
) -> Page[models.AuditEvent]:
    """Return what happened to the security of accounts, a page at a time; superusers only."""
    page = await history.list_page(query)
    link_next_page(page, request=request, response=response)
    return page
