"""The wiring of what people prove with mail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends

from auth_service.api.dependencies import (
    AccountMailDep,
    AuditTrailDep,
    PasswordServiceDep,
    UsersDep,
    get_account_mail,
    get_audit_trail,
    get_users,
)
from auth_service.api.devices import DeviceDep
from auth_service.api.resources import ResourcesDep
from auth_service.repositories.one_time_tokens import OneTimeTokenRepository
from auth_service.services.account_mail import AccountMail
from auth_service.services.email_verification import EmailVerificationService
from auth_service.services.mail_requests import MailRequests
from auth_service.services.one_time_tokens import OneTimeTokenService
from auth_service.services.password_reset import PasswordResetService
from service_chassis.dependencies import SessionDep


async def get_mail_requests(resources: ResourcesDep, device: DeviceDep) -> MailRequests:
    """Build what decides after the answer who gets mail, in a transaction of its own."""

    @asynccontextmanager
    async def account_mail() -> AsyncIterator[AccountMail]:
        async with resources.mail_decisions, resources.database.session() as session:
            users, audit = await get_users(session), await get_audit_trail(session, device)
            yield await get_account_mail(resources, session, users, audit)

    return MailRequests(background=resources.background, account_mail=account_mail)


MailRequestsDep = Annotated[MailRequests, Depends(get_mail_requests)]


async def get_one_time_token_service(session: SessionDep, users: UsersDep) -> OneTimeTokenService:
    """Build what judges the tokens that come by mail."""
    return OneTimeTokenService(one_time_tokens=OneTimeTokenRepository(session), users=users)


OneTimeTokenServiceDep = Annotated[OneTimeTokenService, Depends(get_one_time_token_service)]


async def get_password_reset_service(
    resources: ResourcesDep,
    session: SessionDep,
    users: UsersDep,
    one_time_tokens: OneTimeTokenServiceDep,
    passwords: PasswordServiceDep,
    audit: AuditTrailDep,
) -> PasswordResetService:
    """Build what sets a password without knowing the former one."""
    return PasswordResetService(
        users=users,
        one_time_tokens=one_time_tokens,
        passwords=passwords,
        audit=audit,
        password_hashing=resources.password_hashing,
        commit=session.commit,
    )


PasswordResetServiceDep = Annotated[PasswordResetService, Depends(get_password_reset_service)]


async def get_email_verification_service(
    users: UsersDep, one_time_tokens: OneTimeTokenServiceDep, account_mail: AccountMailDep, audit: AuditTrailDep
) -> EmailVerificationService:
    """Build what makes addresses somebody's own."""
    return EmailVerificationService(
        users=users, one_time_tokens=one_time_tokens, account_mail=account_mail, audit=audit
    )


EmailVerificationServiceDep = Annotated[EmailVerificationService, Depends(get_email_verification_service)]
