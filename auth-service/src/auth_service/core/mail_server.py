"""The settings of mail: where it is handed over, who it comes from, and where its links lead."""

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, SecretStr, ValidationInfo

LOCAL_MAIL_FROM = "Tandem <tandem@localhost>"
LOCAL_APP_URL = "http://localhost:8080"
_PORTS = {"smtp": 587, "smtps": 465}
_SENDER = re.compile(r"[\w .'-]+ <[^\s<>@,]+@[\w.-]+>|[^\s<>@,]+@[\w.-]+")
_PAGE = re.compile(r"https?://[a-z0-9.:\[\]-]+(/[\w.~/-]*)?")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, as `SMTP_URL` says it."""

    hostname: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    uses_tls: bool
    starts_tls: bool

    @classmethod
    def from_url(cls, url: SecretStr) -> "MailServer":
        """Read `smtps://user:password@host:port`, or `smtp://…`, which means STARTTLS unless it says `?starttls=false`.

        Raises:
            ValueError: the URL is another one; the text repeats no part of it.
        """
        try:
            parts = urlsplit(url.get_secret_value())
            port = parts.port
        except ValueError:
            # The error quotes what is wrong, which may be a piece of the password.
            raise ValueError("is not a URL") from None
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.fragment:
            raise ValueError("has to be of the form smtp://user:password@host:port or smtps://user:password@host:port")
        is_clear = parts.scheme == "smtp" and parts.query == "starttls=false"
        if parts.query and not is_clear:
            raise ValueError("may have one parameter, starttls=false, and that with smtp:// only")
        if (parts.username is None) != (parts.password is None) or (is_clear and parts.username is not None):
            raise ValueError("has to name a user with a password or neither, and neither without TLS")
        return cls(
            hostname=parts.hostname,
            port=port or _PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username is not None else None,
            password=unquote(parts.password) if parts.password is not None else None,
            uses_tls=parts.scheme == "smtps",
            starts_tls=parts.scheme == "smtp" and not is_clear,
        )


def _smtp_url(url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if url is not None:
        MailServer.from_url(url)
    elif info.data.get("email_verification_required") and info.data.get("environment") != "local":
        raise ValueError("has to be set where ENVIRONMENT is not local, unless EMAIL_VERIFICATION_REQUIRED is false")
    return url


def _sender(sender: str, info: ValidationInfo) -> str:
    if not _SENDER.fullmatch(sender) or not parseaddr(sender)[1]:
        raise ValueError("has to be an address, or of the form Name <address>")
    return _set_beside_smtp_url(sender, info)


def _page(url: str, info: ValidationInfo) -> str:
    if not _PAGE.fullmatch(url):
        raise ValueError("has to be a URL such as https://app.example.com, without parameters")
    return _set_beside_smtp_url(url, info)


def _set_beside_smtp_url(value: str, info: ValidationInfo) -> str:
    has_default = value in {LOCAL_MAIL_FROM, LOCAL_APP_URL}
    if has_default and info.data.get("smtp_url") is not None and info.data.get("environment") != "local":
        raise ValueError("has to be set beside SMTP_URL where ENVIRONMENT is not local")
    return value


SmtpUrl = Annotated[SecretStr | None, AfterValidator(_smtp_url)]
MailSender = Annotated[str, AfterValidator(_sender)]
AppUrl = Annotated[str, AfterValidator(_page)]
