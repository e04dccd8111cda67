"""Tables; importing this package registers all of them."""

from auth_service.models.audit_events import AuditEvent, AuditEventType
from auth_service.models.base import Base
from auth_service.models.oauth_clients import OAuthClient
from auth_service.models.one_time_tokens import OneTimeToken, OneTimeTokenPurpose
from auth_service.models.outbox_events import OutboxEvent, OutboxEventType, OutboxHorizon
from auth_service.models.refresh_tokens import RefreshToken
from auth_service.models.sessions import Session
from auth_service.models.signing_keys import KeyState, SigningKey
from auth_service.models.users import EMAIL_PUNCTUATION, SEARCHED_TEXT, User

__all__ = [
    "EMAIL_PUNCTUATION",
    "SEARCHED_TEXT",
    "AuditEvent",
    "AuditEventType",
    "Base",
    "KeyState",
    "OAuthClient",
    "OneTimeToken",
    "OneTimeTokenPurpose",
    "OutboxEvent",
    "OutboxEventType",
    "OutboxHorizon",
    "RefreshToken",
    "Session",
    "SigningKey",
    "User",
]
