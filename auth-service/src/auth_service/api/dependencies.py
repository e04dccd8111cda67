"""The only wiring file: who builds which object, and what an endpoint may ask for."""

from datetime import timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response, Security

from auth_service.api.devices import DeviceDep
from auth_service.api.oauth2 import strict_form
from auth_service.api.resources import Resources, ResourcesDep
from auth_service.core.security import SigningKeyPair
from auth_service.errors import InactiveUserError
from auth_service.models import User
from auth_service.repositories.audit_events import AuditEventRepository
from auth_service.repositories.direct_audit_events import DirectAuditEventRepository
from auth_service.repositories.direct_logins import DirectLoginRepository
from auth_service.repositories.one_time_tokens import OneTimeTokenRepository
from auth_service.repositories.outbox_events import OutboxEventRepository
from auth_service.repositories.refresh_tokens import RefreshTokenRepository
from auth_service.repositories.sessions import SessionRepository
from auth_service.repositories.users import UserRepository
from auth_service.schemas.devices import Device
from auth_service.schemas.tokens import LoginForm
from auth_service.services.account_mail import AccountMail
from auth_service.services.audit import AuditTrail
from auth_service.services.events import EventPublisher
from auth_service.services.logins import LoginService
from auth_service.services.mail import OutgoingMail
from auth_service.services.mail_texts import MailTexts
from auth_service.services.passwords import PasswordService
from auth_service.services.registration import RegistrationService
from auth_service.services.sessions import SessionService
from auth_service.services.throttling import Throttle
from auth_service.services.tokens import TokenService
from auth_service.services.users import UserService
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.dependencies import SessionDep, get_access_token
from service_chassis.errors import InsufficientScopeError, InvalidTokenError
from service_chassis.transactions import call_on_commit


async def get_audit_trail(session: SessionDep, device: DeviceDep) -> AuditTrail:
    """Build what records security events on the request's transaction."""
    return AuditTrail(audit_events=AuditEventRepository(session), device=device)


AuditTrailDep = Annotated[AuditTrail, Depends(get_audit_trail)]


async def get_event_publisher(session: SessionDep) -> EventPublisher:
    """Build what tells other services of the request's transaction."""
    return EventPublisher(OutboxEventRepository(session))


EventPublisherDep = Annotated[EventPublisher, Depends(get_event_publisher)]


async def get_users(session: SessionDep) -> UserRepository:
    """Build the accounts' statements on the request's transaction."""
    return UserRepository(session)


UsersDep = Annotated[UserRepository, Depends(get_users)]


async def get_account_mail(
    resources: ResourcesDep, session: SessionDep, users: UsersDep, audit: AuditTrailDep
) -> AccountMail:
    """Build what writes to people once the request's transaction has committed."""
    return AccountMail(
        users=users,
        one_time_tokens=OneTimeTokenRepository(session),
        audit=audit,
        outgoing=OutgoingMail(mailer=resources.mailer, call_on_commit=partial(call_on_commit, session)),
        texts=MailTexts(resources.settings.app_url),
    )


AccountMailDep = Annotated[AccountMail, Depends(get_account_mail)]


async def get_user_service(
    users: UsersDep,
    resources: ResourcesDep,
    events: EventPublisherDep,
    audit: AuditTrailDep,
    account_mail: AccountMailDep,
) -> UserService:
    """Build what creates, changes and deletes accounts."""
    return UserService(
        users=users,
        events=events,
        audit=audit,
        account_mail=account_mail,
        password_hashing=resources.password_hashing,
        settings=resources.settings,
    )


UserServiceDep = Annotated[UserService, Depends(get_user_service)]


async def get_signing_key(resources: ResourcesDep) -> SigningKeyPair:
    """Return the key to sign with, loaded before the request's transaction: each load takes a connection of its own."""
    return await resources.signing_keys.signing_key()


SigningKeyDep = Annotated[SigningKeyPair, Depends(get_signing_key)]


async def get_session_service(
    resources: ResourcesDep, session: SessionDep, events: EventPublisherDep, audit: AuditTrailDep, device: DeviceDep
) -> SessionService:
    """Build what begins and ends sessions."""
    return SessionService(
        sessions=SessionRepository(session),
        events=events,
        audit=audit,
        device=device,
        lifetime=timedelta(days=resources.settings.session_expire_days),
    )


SessionServiceDep = Annotated[SessionService, Depends(get_session_service)]


async def get_throttle(resources: ResourcesDep, device: DeviceDep) -> Throttle:
    """Build what bounds the attempts of the request's address."""
    return Throttle(
        rate_limits=resources.rate_limits,
        logins=DirectLoginRepository(resources.statement_pool),
        audit=_direct_audit_trail(resources, device),
        device=device,
        key=resources.throttle_key,
        settings=resources.settings,
    )


ThrottleDep = Annotated[Throttle, Depends(get_throttle)]


async def get_password_service(
    resources: ResourcesDep,
    session: SessionDep,
    users: UsersDep,
    sessions: SessionServiceDep,
    audit: AuditTrailDep,
    throttle: ThrottleDep,
) -> PasswordService:
    """Build what changes passwords."""
    return PasswordService(
        users=users,
        sessions=sessions,
        audit=audit,
        throttle=throttle,
        password_hashing=resources.password_hashing,
        commit=session.commit,
    )


PasswordServiceDep = Annotated[PasswordService, Depends(get_password_service)]


async def get_token_service(
    resources: ResourcesDep,
    session: SessionDep,
    sessions: SessionServiceDep,
    audit: AuditTrailDep,
    signing_key: SigningKeyDep,
) -> TokenService:
    """Build what issues tokens and ends sessions."""
    return TokenService(
        sessions=sessions,
        refresh_tokens=RefreshTokenRepository(session),
        audit=audit,
        signing_key=signing_key,
        settings=resources.settings,
        commit=session.commit,
        call_on_commit=partial(call_on_commit, session),
    )


TokenServiceDep = Annotated[TokenService, Depends(get_token_service)]


async def get_registration_service(
    resources: ResourcesDep,
    user_service: UserServiceDep,
    tokens: TokenServiceDep,
    account_mail: AccountMailDep,
    audit: AuditTrailDep,
) -> RegistrationService:
    """Build what registers people."""
    return RegistrationService(
        user_service=user_service, tokens=tokens, account_mail=account_mail, audit=audit, settings=resources.settings
    )


RegistrationServiceDep = Annotated[RegistrationService, Depends(get_registration_service)]


async def get_login_service(resources: ResourcesDep, throttle: ThrottleDep, device: DeviceDep) -> LoginService:
    """Build what logs people in, without a transaction for the request."""
    return LoginService(
        queue=resources.login_queue,
        throttle=throttle,
        logins=DirectLoginRepository(resources.statement_pool),
        audit=_direct_audit_trail(resources, device),
        password_hashing=resources.password_hashing,
        signing_keys=resources.signing_keys,
        device=device,
        settings=resources.settings,
    )


LoginServiceDep = Annotated[LoginService, Depends(get_login_service)]
LoginFormDep = Annotated[LoginForm, Depends(strict_form(LoginForm))]


async def throttle_network(throttle: ThrottleDep, response: Response) -> None:
    """Count an attempt of the request's network."""
    response.headers.update((await throttle.admit_network()).fields())


NetworkThrottled = Depends(throttle_network)


AccessTokenDep = Annotated[AccessToken, Depends(get_access_token)]


async def get_current_session_id(access_token: AccessTokenDep) -> UUID:
    """Return which session the access token belongs to."""
    return access_token.session_id


async def get_current_user(access_token: AccessTokenDep, users: UsersDep) -> User:
    """Return the account whose live session the access token belongs to, and whose rights are still the token's."""
    user = await users.find_by_live_session(access_token.session_id)
    if user is None or (user.id, user.rights_version) != (access_token.subject, access_token.rights_version):
        raise InvalidTokenError
    return user


async def get_current_active_user(user: Annotated[User, Depends(get_current_user)]) -> User:
    """Return the current user, unless the account was deactivated."""
    if not user.is_active:
        raise InactiveUserError
    return user


CurrentUser = Annotated[User, Security(get_current_active_user, scopes=["users:me"])]
CurrentSessionId = Annotated[UUID, Security(get_current_session_id, scopes=["users:me"])]


async def get_current_superuser(user: Annotated[User, Depends(get_current_active_user)]) -> User:
    """Return the current user, who has to be a superuser now, whatever the token was issued with."""
    if not user.is_superuser:
        raise InsufficientScopeError
    return user


CurrentSuperuser = Annotated[User, Security(get_current_superuser, scopes=["admin"])]


def _direct_audit_trail(resources: Resources, device: Device) -> AuditTrail:
    return AuditTrail(audit_events=DirectAuditEventRepository(resources.statement_pool), device=device)
