"""The settings of this service."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from auth_service.core.config import Settings
from service_chassis.settings import InvalidSettingsError, load_settings

URL = "postgresql://auth:pw-4711@localhost/auth"
STRONG_SECRET = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("AUTH_DATABASE_URL", URL)
    monkeypatch.setenv("SECRET_KEY", STRONG_SECRET)


def test_a_database_and_a_secret_are_all_it_needs() -> None:
    settings = load_settings(Settings)

    assert settings.project_name == "auth-service"
    assert settings.algorithm == "ES256"
    assert settings.access_token_expire_minutes == 15
    assert (settings.refresh_token_idle_days, settings.session_expire_days) == (14, 90)
    assert settings.registration_enabled


def test_the_services_own_name_of_a_setting_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS_TOKEN_EXPIRE_MINUTES", "20")
    monkeypatch.setenv("AUTH_ACCESS_TOKEN_EXPIRE_MINUTES", "5")

    assert load_settings(Settings).access_token_expire_minutes == 5


def test_the_shared_name_of_a_setting_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRATION_ENABLED", "false")
    monkeypatch.setenv("ALGORITHM", "EdDSA")

    settings = load_settings(Settings)

    assert (settings.registration_enabled, settings.algorithm) == (False, "EdDSA")


def test_settings_are_read_from_a_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
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


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(Settings)

    with pytest.raises(ValidationError):
        settings.algorithm = "RS256"  # type: ignore[misc]  # that it is frozen is the claim


def test_settings_do_not_show_their_secrets() -> None:
    text = repr(Settings(database_url=SecretStr(URL), secret_key=(SecretStr(STRONG_SECRET),)))

    assert STRONG_SECRET not in text
    assert "pw-4711" not in text
