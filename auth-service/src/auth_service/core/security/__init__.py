"""Passwords, keys and tokens: how they are made, hashed, sealed and compared."""

from auth_service.core.security.access_tokens import SigningKeyPair, create_access_token
from auth_service.core.security.client_secrets import hash_client_secret, new_client_secret, verify_client_secret
from auth_service.core.security.common_passwords import is_common_password
from auth_service.core.security.one_time_tokens import hash_one_time_token, new_one_time_token
from auth_service.core.security.passwords import (
    MAXIMUM_PASSWORD_BYTES,
    PASSWORD_CONTEXT,
    PasswordHashing,
    get_password_hash,
    needs_rehash,
    verify_password,
)
from auth_service.core.security.refresh_tokens import (
    hash_refresh_token,
    new_refresh_token,
    seal_successor,
    unseal_successor,
)
from auth_service.core.security.sealing import WrongKeyError, seal, unseal

__all__ = [
    "MAXIMUM_PASSWORD_BYTES",
    "PASSWORD_CONTEXT",
    "PasswordHashing",
    "SigningKeyPair",
    "WrongKeyError",
    "create_access_token",
    "get_password_hash",
    "hash_client_secret",
    "hash_one_time_token",
    "hash_refresh_token",
    "is_common_password",
    "needs_rehash",
    "new_client_secret",
    "new_one_time_token",
    "new_refresh_token",
    "seal",
    "seal_successor",
    "unseal",
    "unseal_successor",
    "verify_client_secret",
    "verify_password",
]
