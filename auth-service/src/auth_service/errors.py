"""Every expected failure of this service."""

from typing import ClassVar

from service_chassis.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ServiceError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    UnprocessableError,
)


class UserNotFoundError(NotFoundError):
    """There is no account with this id."""

    code = "user_not_found"
    detail = "There is no account with this id."


class LastSuperuserError(ConflictError):
    """Without this account nobody could administer the others."""

    code = "last_superuser"
    detail = "This is the last active superuser; make another one first."


class EmailAlreadyRegisteredError(ConflictError):
    """Another account has this address."""

    code = "email_already_registered"
    detail = "An account with this e-mail address exists."


class RegistrationDisabledError(ForbiddenError):
    """This installation lets nobody register on their own."""

    code = "registration_disabled"
    detail = "Registration is switched off here; ask an administrator for an account."


class InvalidCredentialsError(UnauthorizedError):
    """E-mail and password don't belong to an account that may log in; which of the two was wrong stays unsaid."""

    code = "invalid_grant"
    detail = "The e-mail address or the password is wrong."


class PasswordTooCommonError(UnprocessableError):
    """The new password is one that is tried first."""

    code = "password_too_common"
    detail = "This password is easy to guess: it is one of the most common ones, or the account's own address."


class WrongPasswordError(ForbiddenError):
    """What was sent as the current password is not; no 401, which would make clients log out."""

    code = "wrong_password"
    detail = "The current password is wrong."


class InvalidOneTimeTokenError(BadRequestError):
    """The token from a mail is unknown, used, expired, replaced by a newer one, or meant for something else."""

    code = "invalid_one_time_token"
    detail = "This token is not valid any more, or never was; ask for another mail."


class InvalidRefreshTokenError(UnauthorizedError):
    """The refresh token is unknown, expired, used up, or its session has ended."""

    code = "invalid_refresh_token"
    detail = "The refresh token is not valid any more; log in again."


class InvalidClientError(UnauthorizedError):
    """The request doesn't show which machine client sends it; whether that client exists stays unsaid."""

    code = "invalid_client"
    detail = "The client is unknown, its secret is wrong, or it was revoked."
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Basic realm="tandem"'}


class InvalidGrantError(BadRequestError):
    """The refresh token that a token endpoint was given is not valid."""

    code = "invalid_grant"
    detail = "The refresh token is not valid any more, or belongs to another client."


class InvalidScopeError(BadRequestError):
    """A machine client asks for what it was not made for."""

    code = "invalid_scope"
    detail = "The client does not have every scope that it asks for."


class UnsupportedGrantTypeError(BadRequestError):
    """There is no such way to get a token here."""

    code = "unsupported_grant_type"
    detail = "This endpoint does not know this grant type."


class ClientExistsError(ConflictError):
    """Another machine client has this name."""

    code = "client_exists"
    detail = "A client of this name exists with another secret or other scopes; revoke it first."


class ClientSecretRevokedError(ConflictError):
    """The secret was revoked with its client, and nobody knows who else has it."""

    code = "client_secret_revoked"
    detail = "This secret was revoked together with its client; take another one."


class ClientNotFoundError(NotFoundError):
    """There is no machine client of this name."""

    code = "client_not_found"
    detail = "There is no client of this name."


class SessionNotFoundError(NotFoundError):
    """There is no live session with this id among the caller's."""

    code = "session_not_found"
    detail = "You have no live session with this id."


class InactiveUserError(ForbiddenError):
    """The account was deactivated."""

    code = "inactive_user"
    detail = "This account is deactivated."


class TooManyAttemptsError(TooManyRequestsError):
    """Somebody tries what attackers try; `Retry-After` says when to go on."""

    code = "too_many_attempts"
    detail = "There were too many attempts; wait as long as Retry-After says."


class PasswordHashingBusyError(UnavailableError):
    """More passwords wait to be hashed than this process can work off in reasonable time."""

    code = "password_hashing_busy"
    detail = "Too many logins at once; try again."


class SigningKeyNotFoundError(NotFoundError):
    """There is no signing key with this id."""

    code = "signing_key_not_found"
    detail = "There is no signing key with this id; `keys list` shows them all."


class TooManySigningKeysError(ConflictError):
    """One key more, and verifiers would refuse the whole set."""

    code = "too_many_signing_keys"
    detail = "There are as many signing keys as verifiers take; rotate again when the oldest are gone."


class CursorTooOldError(ServiceError):
    """Some of what followed the cursor is not kept any more, or the cursor is of another database."""

    status_code = 410
    code = "cursor_too_old"
    detail = "Events after this cursor are gone. Go on without one: what is kept tells everything that matters now."
