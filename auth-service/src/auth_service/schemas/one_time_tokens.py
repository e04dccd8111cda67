"""What clients send and get of mails and the tokens in them."""

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from auth_service.schemas.users import EmailAddress, Password
from service_chassis.strict_json import StrictModel

OneTimeTokenText = Annotated[SecretStr, Field(max_length=128)]


class MailRequest(StrictModel):
    """The address of an account that asks for mail."""

    email: EmailAddress = Field(examples=["ada@example.com"])


class MailAnnouncement(BaseModel):
    """The same for every address, so that it tells nobody which ones have an account."""

    detail: str = "If there is something to say to this address, a mail is on its way to it."


class PasswordResetConfirmation(StrictModel):
    """The token from the mail, and the password to have from now on."""

    token: OneTimeTokenText
    new_password: Password = Field(examples=["correct battery horse staple"])


class EmailVerificationConfirmation(StrictModel):
    """The token from the mail."""

    token: OneTimeTokenText
