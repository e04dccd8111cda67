"""The wiring of what superusers do."""

from typing import Annotated

from fastapi import Depends

from auth_service.api.dependencies import (
    AuditTrailDep,
    CurrentSuperuser,
    EventPublisherDep,
    PasswordServiceDep,
    SessionServiceDep,
    UsersDep,
    UserServiceDep,
)
from auth_service.api.resources import ResourcesDep
from auth_service.repositories.audit_events import AuditEventRepository
from auth_service.services.audit_history import AuditHistory
from auth_service.services.user_administration import UserAdministration
from service_chassis.dependencies import SessionDep


async def get_audit_history(_: CurrentSuperuser, resources: ResourcesDep, session: SessionDep) -> AuditHistory:
    """Build the audit trail for a superuser."""
    return AuditHistory(audit_events=AuditEventRepository(session), cursors=resources.cursors)


AuditHistoryDep = Annotated[AuditHistory, Depends(get_audit_history)]


async def get_user_administration(
    actor: CurrentSuperuser,
    resources: ResourcesDep,
    session: SessionDep,
    users: UsersDep,
    user_service: UserServiceDep,
    passwords: PasswordServiceDep,
    sessions: SessionServiceDep,
    events: EventPublisherDep,
    audit: AuditTrailDep,
) -> UserAdministration:
    """Build everybody's accounts for a superuser."""
    return UserAdministration(
        actor=actor,
        users=users,
        user_service=user_service,
        passwords=passwords,
        sessions=sessions,
        events=events,
        audit=audit,
        password_hashing=resources.password_hashing,
        cursors=resources.cursors,
        commit=session.commit,
    )


UserAdministrationDep = Annotated[UserAdministration, Depends(get_user_administration)]
