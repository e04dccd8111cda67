"""What clients send and get of accounts."""

import unicodedata
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    SecretStr,
    StrictBool,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from auth_service.core.security import MAXIMUM_PASSWORD_BYTES
from auth_service.schemas.tokens import TokenPair
from service_chassis.pagination import PageRequest
from service_chassis.strict_json import StrictModel, Text

PASSWORD_MIN_LENGTH = 8


def _one_spelling(value: object, validate: ValidatorFunctionWrapHandler) -> str:
    """Give every spelling of an address (case, full-width letters, a trailing dot) the one that is stored."""
    folded = unicodedata.normalize("NFKC", value).strip().rstrip(".").lower() if isinstance(value, str) else value
    try:
        address: str = validate(folded)
    except ValidationError:
        # The validator's own message quotes parts of the input.
        raise PydanticCustomError("email_address", "Input should be an e-mail address") from None
    return address


def _bounded(password: SecretStr) -> SecretStr:
    hashed = unicodedata.normalize("NFKC", password.get_secret_value())
    if len(hashed) < PASSWORD_MIN_LENGTH:
        raise PydanticCustomError(
            "password_too_short", f"Password should have at least {PASSWORD_MIN_LENGTH} characters"
        )
    if len(hashed.encode()) > MAXIMUM_PASSWORD_BYTES:
        raise PydanticCustomError("password_too_long", f"Password should have at most {MAXIMUM_PASSWORD_BYTES} bytes")
    return password


EmailAddress = Annotated[EmailStr, WrapValidator(_one_spelling)]
Password = Annotated[SecretStr, Field(min_length=PASSWORD_MIN_LENGTH), AfterValidator(_bounded)]
FullName = Annotated[Text, Field(max_length=200)]

_email_address: TypeAdapter[str] = TypeAdapter(EmailAddress)


def find_email_spelling(text: str) -> str | None:
    """Return the stored spelling of what somebody typed as their address; None when it is no address at all."""
    try:
        return _email_address.validate_python(text)
    except ValidationError:
        return None


class UserBase(StrictModel):
    """What a person says about themselves."""

    email: EmailAddress = Field(examples=["ada@example.com"])
    full_name: FullName = Field("", examples=["Ada Lovelace"])


class UserCreate(UserBase):
    """A new account."""

    password: Password = Field(examples=["correct horse battery staple"])


class UserUpdate(StrictModel):
    """Changes to one's own account; what is left out stays as it is."""

    # Factories, because generated clients would send a default that the document names.
    email: EmailAddress = Field(default_factory=str, examples=["ada@example.com"])
    full_name: FullName = Field(default_factory=str, examples=["Ada King"])


class AdminUserCreate(UserCreate):
    """A new account that a superuser makes for somebody."""

    is_superuser: StrictBool = Field(default=False, description="Whether it may act on everybody's accounts and items.")
    email_verified: StrictBool = Field(default=False, description="Whether the address is known to be its owner's.")


class AdminUserUpdate(UserUpdate):
    """Changes to anybody's account by a superuser; what is left out stays as it is."""

    password: Password = Field(
        default_factory=lambda: SecretStr(""),
        description="Ends every session of the account.",
        examples=["correct battery horse staple"],
    )
    is_active: StrictBool = Field(default_factory=bool, description="False ends every session of the account.")
    is_superuser: StrictBool = Field(
        default_factory=bool,
        description="Tokens from before the change are refused; a refresh gives such with the new scopes.",
    )
    email_verified: StrictBool = Field(default_factory=bool)


class PasswordChange(StrictModel):
    """A new password, and the current one to prove that it is the owner who asks."""

    current_password: SecretStr = Field(examples=["correct horse battery staple"])
    new_password: Password = Field(examples=["correct battery horse staple"])


class UserInDB(BaseModel):
    """What is stored of an account and may be shown; the password's hash never is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    email_verified: bool
    full_name: str
    is_active: bool
    is_superuser: bool
    created_at: datetime
    updated_at: datetime


class User(UserInDB):
    """An account as clients see it."""


class UserWithToken(User):
    """A new account together with its first session."""

    token: TokenPair


class UserQuery(PageRequest):
    """Which accounts, and which page of them."""

    q: Text | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Words of the name or the address; the last one may be incomplete.",
    )


class UserPage(BaseModel):
    """A page of accounts, the newest first."""

    model_config = ConfigDict(from_attributes=True)

    items: list[User]
    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last one.")
