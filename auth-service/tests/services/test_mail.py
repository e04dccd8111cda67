"""How mail leaves: in the background, by a real mail server, and never with what its recipients must not see."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from auth_service.core.config import Settings
from auth_service.services.background import BackgroundWork
from auth_service.services.mail import Mail, Mailer
from service_chassis.logs import configure_logging
from service_chassis.testing.mailbox import Mailbox, open_mailbox
from service_chassis.testing.metrics import rise_of
from service_chassis.testing.servers import LOOPBACK

MAILS = "tandem_mails_total"
MAIL = Mail(recipient="ada@example.com", subject="Hello", text="Open this:\n\nhttps://app.example.com/#token=4711\n")


@pytest.fixture(autouse=True)
def _logging() -> None:
    configure_logging(Settings(environment="local", database_url=SecretStr("postgresql://localhost/any")))


@asynccontextmanager
async def sending(url: str | None, *, waits_seconds: tuple[float, ...] = (), **settings: Any) -> AsyncIterator[Mailer]:
    """Give a mailer; what it has to send at the end of the block has left or is given up afterwards."""
    values: dict[str, Any] = {"environment": "local", "database_url": SecretStr("postgresql://localhost/any")}
    values |= {"smtp_url": url and SecretStr(url), "mail_from": "Tandem <tandem@example.com>"} | settings
    background = BackgroundWork(closing_seconds=20)
    yield Mailer(Settings(**values), background, waits_seconds=waits_seconds)
    await background.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    messages = [record.msg for record in caplog.records if record.name == "auth_service.services.mail"]
    return [message for message in messages if isinstance(message, dict)]


async def test_a_mail_has_what_its_reader_and_the_servers_on_its_way_need(mailbox: Mailbox) -> None:
    async with sending(mailbox.url) as mailer:
        mailer.send_soon(MAIL)

        mail = await mailbox.receive()

    assert (mail["From"], mail["To"], mail["Subject"]) == ("Tandem <tandem@example.com>", MAIL.recipient, "Hello")
    assert mail["Message-ID"].endswith("@example.com>")
    assert abs(mail["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == MAIL.text.splitlines()


async def test_an_address_beyond_ascii_gets_its_mail(mailbox: Mailbox) -> None:
    with rise_of(MAILS, outcome="sent") as sent:
        async with sending(mailbox.url) as mailer:
            mailer.send_soon(Mail(recipient="adé@example.com", subject="Hello", text="Hello"))

            assert (await mailbox.receive())["To"] == "adé@example.com"

    assert sent.by == 1


@pytest.mark.parametrize("recipient", ["ada@example.com\r\nBcc: x@example.com", "ada@example.com, x@example.com"])
async def test_an_address_adds_no_header_and_no_recipient(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture, recipient: str
) -> None:
    async with sending(mailbox.url) as mailer:
        mailer.send_soon(Mail(recipient=recipient, subject="Hello", text="Hello"))

    assert mailbox.is_empty()
    assert [line["event"] for line in lines(caplog)] == ["mail could not be sent"]
    assert "example.com" not in f"{lines(caplog)}"


async def test_a_mail_that_is_refused_for_now_is_tried_again(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.answers = ["451 ada@example.com has to wait", "421 not now"]
    async with sending(mailbox.url, waits_seconds=(0.01, 0.01)) as mailer:
        mailer.send_soon(MAIL)

        await mailbox.receive()

    assert [line["event"] for line in lines(caplog)] == ["mail is tried again"] * 2
    assert "ada@" not in f"{lines(caplog)}"


async def test_a_mail_that_is_refused_for_good_is_given_up(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    mailbox.answers = ["550 no ada@example.com here"]
    with rise_of(MAILS, outcome="failed") as failed, rise_of(MAILS) as all_mails:
        async with sending(mailbox.url, waits_seconds=(0.01, 0.01)) as mailer:
            mailer.send_soon(MAIL)

    assert (mailbox.attempts, failed.by, all_mails.by) == (1, 1, 1)
    [line] = lines(caplog)
    assert (line["event"], line["level"], line["reason"]) == ("mail could not be sent", "error", "SMTPDataError")
    assert "ada@" not in f"{line}"


async def test_a_server_that_stays_away_costs_a_few_attempts_and_a_line(caplog: pytest.LogCaptureFixture) -> None:
    async with open_mailbox() as mailbox:
        url = mailbox.url
    with rise_of(MAILS, outcome="failed") as failed, rise_of(MAILS) as all_mails:
        async with sending(url, waits_seconds=(0.01, 0.01)) as mailer:
            mailer.send_soon(MAIL)

    assert (failed.by, all_mails.by) == (1, 1)
    assert [line["event"] for line in lines(caplog)] == ["mail is tried again"] * 2 + ["mail could not be sent"]
    assert "4711" not in f"{lines(caplog)}"


async def test_what_waits_for_another_attempt_leaves_at_shutdown(mailbox: Mailbox) -> None:
    mailbox.answers = ["451 wait"]
    async with sending(mailbox.url, waits_seconds=(3600,)) as mailer:
        mailer.send_soon(MAIL)

    assert (mailbox.attempts, mailbox.is_empty()) == (2, False)


async def test_without_a_mail_server_a_local_run_shows_the_mail(caplog: pytest.LogCaptureFixture) -> None:
    with rise_of(MAILS, outcome="logged") as logged:
        async with sending(None) as mailer:
            mailer.send_soon(MAIL)

    [line] = lines(caplog)
    assert logged.by == 1
    assert "ada@example.com" in line["event"]
    assert MAIL.text in line["event"]


async def test_without_a_mail_server_nothing_is_shown_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    settings: dict[str, Any] = {
        "environment": "staging",
        "email_verification_required": False,
        "secret_key": (SecretStr("x" * 32),),
    }
    with rise_of(MAILS, outcome="failed") as failed:
        async with sending(None, **settings) as mailer:
            mailer.send_soon(MAIL)

    [line] = lines(caplog)
    assert failed.by == 1
    assert (line["level"], line["event"]) == ("error", "mail could not be sent: SMTP_URL is not set")


def test_a_mail_does_not_show_what_it_says() -> None:
    assert "4711" not in repr(MAIL)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ssl.SSLContext]:
    """Make a certificate for this machine that is trusted by the time a mailer is made."""

    def certify() -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)]), datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=1))
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
        (tmp_path / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        key_text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "key.pem").write_bytes(key_text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
        return context

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    return certify


def judge(*arguments: Any) -> AuthResult:
    credentials = arguments[-1]
    assert isinstance(credentials, LoginPassword)
    return AuthResult(success=(credentials.login, credentials.password) == (b"mailer", b"p@ss"))


async def test_a_password_goes_over_tls_to_a_server_whose_certificate_is_trusted(
    authority: Callable[[], ssl.SSLContext],
) -> None:
    options: dict[str, Any] = {
        "tls_context": authority(),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": judge,
    }
    async with open_mailbox(**options) as mailbox, sending(f"smtp://mailer:p%40ss@localhost:{mailbox.port}") as mailer:
        mailer.send_soon(MAIL)

        assert (await mailbox.receive())["Subject"] == "Hello"


@pytest.mark.usefixtures("mailbox")
async def test_a_server_whose_certificate_is_not_trusted_gets_no_mail(
    authority: Callable[[], ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    context = authority()
    monkeypatch.delenv("SSL_CERT_FILE")
    async with (
        open_mailbox(tls_context=context, require_starttls=True) as mailbox,
        sending(f"smtp://localhost:{mailbox.port}") as mailer,
    ):
        mailer.send_soon(MAIL)

        await asyncio.sleep(0)
    assert mailbox.is_empty()
    assert [line["event"] for line in lines(caplog)] == ["mail could not be sent"]


async def test_a_server_that_offers_no_tls_gets_no_mail_unless_that_was_asked_for(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with sending(mailbox.url.removesuffix("?starttls=false")) as mailer:
        mailer.send_soon(MAIL)

    assert mailbox.is_empty()
    assert [line["event"] for line in lines(caplog)] == ["mail could not be sent"]
