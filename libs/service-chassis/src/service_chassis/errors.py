"""The kinds of expected failure; each service derives its own, with a stable code."""

from collections.abc import Mapping
from typing import ClassVar


class ServiceError(Exception):
    """An expected failure that is answered as problem+json; `code` is part of the API."""

    status_code: ClassVar[int]
    code: ClassVar[str]
    detail: ClassVar[str]
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(self.detail)
        self.answer_headers = {**self.headers, **(headers or {})}


class BadRequestError(ServiceError):
    """The request can't be understood."""

    status_code = 400


class UnauthorizedError(ServiceError):
    """The caller is not who a valid token says, or brought none."""

    status_code = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ServiceError):
    """The caller is known and may not do this."""

    status_code = 403


class NotFoundError(ServiceError):
    """The thing does not exist, or not for this caller."""

    status_code = 404


class ConflictError(ServiceError):
    """The state of the thing does not allow this."""

    status_code = 409


class PreconditionFailedError(ServiceError):
    """The thing changed since the caller last saw it."""

    status_code = 412


class UnprocessableError(ServiceError):
    """The request is well-formed and can't be meant."""

    status_code = 422


class TooManyRequestsError(ServiceError):
    """The caller did this too often; waiting helps."""

    status_code = 429


class UnavailableError(ServiceError):
    """Something this service needs is away or busy; trying again helps."""

    status_code = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class MissingTokenError(UnauthorizedError):
    """The request carries no bearer token."""

    code = "missing_token"
    detail = "This needs an access token: send 'Authorization: Bearer <token>'."


class InvalidTokenError(UnauthorizedError):
    """The bearer token is not one that this service accepts."""

    code = "invalid_token"
    detail = "The access token is malformed, expired, revoked or not meant for this service."
    # RFC 6750, section 3.1: the challenge names what was wrong with the token.
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class InsufficientScopeError(ForbiddenError):
    """The token is valid and lacks the scope that this needs."""

    code = "insufficient_scope"
    detail = "The access token does not carry the scope that this needs."
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}


class DatabaseUnavailableError(UnavailableError):
    """The service's own database does not answer."""

    code = "database_unavailable"
    detail = "The database does not answer at the moment; try again."


class VerificationKeysUnavailableError(UnavailableError):
    """No keys to judge a token with have been seen yet."""

    code = "verification_keys_unavailable"
    detail = "Access tokens can't be verified yet, because no keys have been received. Try again."
