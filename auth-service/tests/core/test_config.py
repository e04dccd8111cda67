"""The settings of this service."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from auth_service.api.jwks import CACHE_SECONDS
from auth_service.core.config import MINIMUM_SIGNING_KEY_PUBLISH_SECONDS, Settings
from auth_service.core.mail_server import MailServer
from service_chassis.access_tokens.remote_keys import REFRESH_SECONDS
from service_chassis.settings import InvalidSettingsError, load_settings

URL = "postgresql://auth:pw-4711@localhost/auth"
STRONG_SECRET = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("AUTH_DATABASE_URL", URL)
    monkeypatch.setenv("SECRET_KEY", STRONG_SECRET)
    monkeypatch.setenv("SMTP_URL", "smtps://mailer:pw-4711@mail.example.com")
    monkeypatch.setenv("MAIL_FROM", "Tandem <tandem@example.com>")
    monkeypatch.setenv("APP_URL", "https://app.example.com")


def test_a_database_a_secret_and_mail_are_all_it_needs() -> None:
    settings = load_settings(Settings)

    assert settings.project_name == "auth-service"
    assert settings.algorithm == "ES256"
    assert settings.access_token_expire_minutes == 15
    assert (settings.refresh_token_idle_days, settings.session_expire_days) == (14, 90)
    assert settings.registration_enabled
    assert settings.email_verification_required


def test_the_services_own_name_of_a_setting_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS_TOKEN_EXPIRE_MINUTES", "20")
    monkeypatch.setenv("AUTH_ACCESS_TOKEN_EXPIRE_MINUTES", "5")

    assert load_settings(Settings).access_token_expire_minutes == 5


def test_the_shared_name_of_a_setting_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRATION_ENABLED", "false")
    monkeypatch.setenv("ALGORITHM", "EdDSA")

    settings = load_settings(Settings)

    assert (settings.registration_enabled, settings.algorithm) == (False, "EdDSA")


@pytest.mark.usefixtures("in_own_directory")
def test_settings_are_read_from_a_env_file() -> None:
    Path(".env").write_text("ACCESS_TOKEN_EXPIRE_MINUTES=7\nALGORITHM=RS256\n")

    settings = load_settings(Settings)

    assert (settings.access_token_expire_minutes, settings.algorithm) == (7, "RS256")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALGORITHM", "HS256"),
        ("ALGORITHM", "none"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "1441"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "soon"),
        ("REFRESH_TOKEN_IDLE_DAYS", "0"),
        ("SESSION_EXPIRE_DAYS", "-1"),
        ("REGISTRATION_ENABLED", "perhaps"),
        ("SERVICE_TOKEN_AUDIENCE", ""),
        ("SERVICE_TOKEN_AUDIENCE", "tandem"),
        ("EMAIL_VERIFICATION_REQUIRED", "perhaps"),
        ("SMTP_URL", "mail.example.com"),
        ("SMTP_URL", "http://mail.example.com"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://mail.example.com/path"),
        ("SMTP_URL", "smtp://mail.example.com:port-4711"),
        ("SMTP_URL", "smtp://user@mail.example.com"),
        ("SMTP_URL", "smtp://mail.example.com?timeout=5"),
        ("SMTP_URL", "smtps://mail.example.com?starttls=false"),
        ("SMTP_URL", "smtp://user:pw-4711@mail.example.com?starttls=false"),
        ("MAIL_FROM", "Tandem"),
        ("MAIL_FROM", "tandem@example.com\r\nBcc: x-4711@example.com"),
        ("APP_URL", "app.example.com"),
        ("APP_URL", "https://app.example.com/?page=4711"),
        ("APP_URL", "https://app.example.com/#4711"),
        ("AUTH_DATABASE_URL", "mysql://localhost/auth"),
        ("SECRET_KEY", "short-4711"),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSettingsError) as refusal:
        load_settings(Settings)

    [line] = str(refusal.value).splitlines()
    assert line.startswith(f"{name.removeprefix('AUTH_')} (or AUTH_{name.removeprefix('AUTH_')}): ")
    assert "4711" not in line


def test_every_bad_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTH_DATABASE_URL")
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("ALGORITHM", "none")

    with pytest.raises(InvalidSettingsError) as refusal:
        load_settings(Settings)

    names = {line.partition(" ")[0] for line in str(refusal.value).splitlines()}
    assert names == {"DATABASE_URL", "SECRET_KEY", "ALGORITHM"}


def test_outside_of_local_runs_a_service_without_mail_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMTP_URL")

    with pytest.raises(InvalidSettingsError) as refusal:
        load_settings(Settings)

    assert str(refusal.value).startswith("SMTP_URL (or AUTH_SMTP_URL): ")
    assert "EMAIL_VERIFICATION_REQUIRED" in str(refusal.value)


def test_outside_of_local_runs_mail_needs_a_sender_and_a_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAIL_FROM")
    monkeypatch.delenv("APP_URL")

    with pytest.raises(InvalidSettingsError) as refusal:
        load_settings(Settings)

    assert [line.partition(" ")[0] for line in str(refusal.value).splitlines()] == ["MAIL_FROM", "APP_URL"]


def test_a_service_that_verifies_nobody_needs_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP_URL", "MAIL_FROM", "APP_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("EMAIL_VERIFICATION_REQUIRED", "false")

    assert load_settings(Settings).smtp_url is None


def test_a_local_run_needs_no_mail_and_verifies_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP_URL", "MAIL_FROM", "APP_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("ENVIRONMENT", "local")

    settings = load_settings(Settings)

    assert (settings.smtp_url, settings.email_verification_required) == (None, False)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://mailer:p%40ss@mail.example.com", ("mail.example.com", 465, "mailer", "p@ss", True, False)),
        ("smtp://mailer:p%2Fss@mail.example.com", ("mail.example.com", 587, "mailer", "p/ss", False, True)),
        ("smtp://mail.example.com:2525", ("mail.example.com", 2525, None, None, False, True)),
        ("smtp://[::1]:1025?starttls=false", ("::1", 1025, None, None, False, False)),
    ],
)
def test_a_mail_server_is_named_by_a_url(url: str, server: tuple[object, ...]) -> None:
    assert MailServer.from_url(SecretStr(url)) == MailServer(*server)  # type: ignore[arg-type]  # as parametrised


def test_new_keys_are_published_for_longer_than_the_verifiers_of_the_pair_may_miss_them() -> None:
    a_refresh_that_fails_and_one_that_succeeds = 2 * REFRESH_SECONDS

    assert CACHE_SECONDS + a_refresh_that_fails_and_one_that_succeeds < MINIMUM_SIGNING_KEY_PUBLISH_SECONDS
    assert load_settings(Settings).signing_key_publish_seconds >= MINIMUM_SIGNING_KEY_PUBLISH_SECONDS


def test_only_a_local_run_publishes_new_keys_for_a_shorter_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY_PUBLISH_SECONDS", "239")

    with pytest.raises(InvalidSettingsError, match="SIGNING_KEY_PUBLISH_SECONDS"):
        load_settings(Settings)

    monkeypatch.setenv("ENVIRONMENT", "local")
    assert load_settings(Settings).signing_key_publish_seconds == 239


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(Settings)

    with pytest.raises(ValidationError):
        settings.algorithm = "RS256"  # type: ignore[misc]  # that it is frozen is the claim


def test_settings_do_not_show_their_secrets() -> None:
    text = repr(Settings(database_url=SecretStr(URL), secret_key=(SecretStr(STRONG_SECRET),)))

    assert STRONG_SECRET not in text
    assert "pw-4711" not in text
