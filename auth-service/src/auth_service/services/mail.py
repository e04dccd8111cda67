"""Hands mail over to a mail server after the answer, or shows it in the log of a local run."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import TYPE_CHECKING

import aiosmtplib
import structlog

from auth_service.core.mail_server import MailServer
from auth_service.metrics import MAILS
from service_chassis.tracing.client_spans import client_span

if TYPE_CHECKING:
    from auth_service.core.config import Settings
    from auth_service.services.background import BackgroundWork

# A server that is restarted is back after the second attempt; one that asks to come back later is asked after a minute.
WAITS_SECONDS = (1.0, 10.0, 60.0)
COMMAND_SECONDS = 10.0
ATTEMPT_SECONDS = 30.0
MAXIMUM_CONNECTIONS = 4
_PERMANENT = 500

logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person; the text can hold a token."""

    recipient: str
    subject: str
    text: str = field(repr=False)


class Mailer:
    """Sends mail in the background, so that no request waits for a mail server."""

    def __init__(
        self, settings: "Settings", background: "BackgroundWork", *, waits_seconds: Sequence[float] = WAITS_SECONDS
    ) -> None:
        self._server = MailServer.from_url(settings.smtp_url) if settings.smtp_url is not None else None
        self._sender = settings.mail_from
        self._is_local = settings.environment == "local"
        self._background = background
        self._waits_seconds = waits_seconds
        self._connections = asyncio.Semaphore(MAXIMUM_CONNECTIONS)
        # Made once, since reading the authorities takes 20 ms in which nothing else runs.
        self._tls = (
            ssl.create_default_context()
            if self._server and (self._server.uses_tls or self._server.starts_tls)
            else None
        )

    def send_soon(self, mail: Mail) -> None:
        """Send a mail in the background; one that can't be sent is a line in the log, without its address."""
        if self._server is not None:
            self._background.start("mail", self._deliver(mail, self._server))
        elif self._is_local:
            MAILS.labels("logged").inc()
            # The one place where a token is logged: a developer without a mail server reads the mail here.
            logger.info(
                "SMTP_URL is not set, so here is the mail to %s:\n%s\n\n%s", mail.recipient, mail.subject, mail.text
            )
        else:
            MAILS.labels("failed").inc()
            logger.error("mail could not be sent: SMTP_URL is not set")

    async def _deliver(self, mail: Mail, server: MailServer) -> None:
        for wait_seconds in (*self._waits_seconds, None):
            try:
                async with self._connections, asyncio.timeout(ATTEMPT_SECONDS):
                    await self._hand_over(self._message(mail), server)
            except (aiosmtplib.SMTPException, OSError, ValueError, MessageError) as error:
                # The server's words can repeat the address.
                reason = type(error).__name__
                if wait_seconds is None or _is_permanent(error):
                    MAILS.labels("failed").inc()
                    logger.error("mail could not be sent", reason=reason)  # noqa: TRY400  # as said above
                    return
                logger.warning("mail is tried again", reason=reason)
                await self._background.pause(wait_seconds)
            else:
                MAILS.labels("sent").inc()
                return

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = mail.recipient
        if len(message["To"].addresses) != 1:
            raise ValueError("a mail has one recipient")
        message["Subject"] = mail.subject
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = make_msgid(domain=self._domain)
        # Keeps automatic answers from coming back (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message

    async def _hand_over(self, message: EmailMessage, server: MailServer) -> None:
        with client_span("send mail", {"server.address": server.hostname, "server.port": server.port}):
            await aiosmtplib.send(
                message,
                hostname=server.hostname,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.uses_tls,
                start_tls=server.starts_tls,
                tls_context=self._tls,
                local_hostname=self._domain,
                timeout=COMMAND_SECONDS,
            )

    @property
    def _domain(self) -> str:
        return parseaddr(self._sender)[1].rpartition("@")[2]


def _is_permanent(error: Exception) -> bool:
    """Whether the server said that trying again would not help."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(_is_permanent(refused) for refused in error.recipients)
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= _PERMANENT


class OutgoingMail:
    """The mails of one transaction, which leave when it has committed."""

    def __init__(self, *, mailer: Mailer, call_on_commit: Callable[[Callable[[], None]], None]) -> None:
        self._mailer = mailer
        self._call_on_commit = call_on_commit

    def send(self, mail: Mail) -> None:
        """Send a mail, should the transaction commit."""
        self._call_on_commit(lambda: self._mailer.send_soon(mail))
