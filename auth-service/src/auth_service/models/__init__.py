"""Tables; importing this package registers all of them."""

from auth_service.models.base import Base
from auth_service.models.refresh_tokens import RefreshToken
from auth_service.models.sessions import Session
from auth_service.models.signing_keys import SigningKey
from auth_service.models.users import User

__all__ = ["Base", "RefreshToken", "Session", "SigningKey", "User"]
