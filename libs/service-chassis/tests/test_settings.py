from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from service_chassis.settings import LOCAL_SECRET_KEY, InvalidSettingsError, ServiceSettings, load_settings

STRONG_KEY = "k" * 32
URL = "postgresql://trial@localhost/trial"

pytestmark = pytest.mark.usefixtures("in_own_directory")
SetEnvironment = Callable[..., None]


class Settings(ServiceSettings):
    service_prefix: ClassVar[str] = "TRIAL_"

    project_name: str = "trial-service"


@pytest.fixture
def set_environment(monkeypatch: pytest.MonkeyPatch) -> SetEnvironment:
    """Export variables beside those of a configuration that is right."""
    right = {"ENVIRONMENT": "production", "TRIAL_DATABASE_URL": URL, "TRIAL_SECRET_KEY": STRONG_KEY}

    def export(**variables: str) -> None:
        for name, value in (right | variables).items():
            monkeypatch.setenv(name, value)

    return export


@pytest.fixture
def secrets_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    directory = tmp_path / "secrets"
    directory.mkdir()
    monkeypatch.setenv("SECRETS_DIRECTORY", str(directory))
    return directory


def problems() -> list[str]:
    with pytest.raises(InvalidSettingsError) as raised:
        load_settings(Settings)
    return str(raised.value).splitlines()


def test_the_services_own_name_wins_over_the_shared_one(set_environment: SetEnvironment) -> None:
    set_environment(TRIAL_TOKEN_AUDIENCE="own", TOKEN_AUDIENCE="shared")

    assert load_settings(Settings).token_audience == "own"


def test_a_shared_name_is_read_where_there_is_no_own_one(set_environment: SetEnvironment) -> None:
    set_environment(TOKEN_AUDIENCE="shared")

    assert load_settings(Settings).token_audience == "shared"


def test_the_environment_wins_over_dotenv_which_wins_over_secret_files(
    set_environment: SetEnvironment, secrets_directory: Path
) -> None:
    set_environment(TOKEN_AUDIENCE="environment")
    Path(".env").write_text("TOKEN_AUDIENCE=dotenv\nTRIAL_TOKEN_ISSUER=https://dotenv\n", encoding="utf-8")
    for name in ("token_audience", "token_issuer", "project_name"):
        (secrets_directory / name).write_text("file\n", encoding="utf-8")

    settings = load_settings(Settings)

    found = [settings.token_audience, settings.token_issuer, settings.project_name]
    assert found == ["environment", "https://dotenv", "file"]


def test_a_secret_file_may_have_the_services_own_name(set_environment: SetEnvironment, secrets_directory: Path) -> None:
    set_environment()
    (secrets_directory / "project_name").write_text("shared", encoding="utf-8")
    (secrets_directory / "TRIAL_PROJECT_NAME").write_text("own", encoding="utf-8")

    assert load_settings(Settings).project_name == "own"


def test_every_bad_setting_is_named_at_once(set_environment: SetEnvironment) -> None:
    set_environment(
        ENVIRONMENT="moon",
        TRIAL_DATABASE_URL="mysql://u:hidden@h/d",
        DATABASE_POOL_SIZE="many",
        TRIAL_REDIS_URL="http://u:hidden@h",
        API_V1_STR="api/",
        CORS_ORIGINS="app.example.com",
        TRIAL_SECRET_KEY="hidden",
        LOG_LEVEL="LOUD",
        OTEL_EXPORTER_OTLP_HEADERS="hidden",
    )

    names = [problem.split(":")[0] for problem in problems()]

    assert sorted(names) == [
        f"{name} (or TRIAL_{name})"
        for name in (
            "API_V1_STR",
            "CORS_ORIGINS",
            "DATABASE_POOL_SIZE",
            "DATABASE_URL",
            "ENVIRONMENT",
            "LOG_LEVEL",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "REDIS_URL",
            "SECRET_KEY",
        )
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"TRIAL_DATABASE_URL": "mysql://u:hidden@h/d"},
        {"TRIAL_DATABASE_URL": "postgresql://u:p@h:hidden/d"},
        {"TRIAL_REDIS_URL": "http://hidden@h"},
        {"TRIAL_SECRET_KEY": "hidden"},
        {"DATABASE_POOL_SIZE": "hidden"},
        {"CORS_ORIGINS": "hidden"},
        {"CORS_ORIGINS": "https://[hidden]"},
        {"ENVIRONMENT": "hidden"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "hidden"},
    ],
)
def test_no_message_repeats_a_value(set_environment: SetEnvironment, bad: dict[str, str]) -> None:
    set_environment(**bad)

    assert "hidden" not in "\n".join(problems())


def test_a_missing_setting_is_named() -> None:
    assert "DATABASE_URL (or TRIAL_DATABASE_URL): Field required" in problems()


def test_an_unreadable_line_of_dotenv_is_named_beside_the_other_problems(set_environment: SetEnvironment) -> None:
    set_environment(DATABASE_POOL_SIZE="0")
    Path(".env").write_text("LOG_LEVEL=DEBUG\nthis is no setting: hidden\n", encoding="utf-8")

    assert problems() == [
        ".env: line 2 is not of the form NAME=value",
        "DATABASE_POOL_SIZE (or TRIAL_DATABASE_POOL_SIZE): Input should be greater than or equal to 1",
    ]


def test_an_unreadable_line_is_refused_when_every_setting_is_right(set_environment: SetEnvironment) -> None:
    set_environment()
    Path(".env").write_text("hidden hidden\n", encoding="utf-8")

    assert problems() == [".env: line 1 is not of the form NAME=value"]


def test_a_dotenv_that_is_not_utf8_is_one_sentence(set_environment: SetEnvironment) -> None:
    set_environment()
    Path(".env").write_bytes(b"PROJECT_NAME=caf\xe9\n")

    assert problems() == [".env: is not UTF-8"]


def test_a_secret_file_that_cannot_be_read_is_one_sentence(
    set_environment: SetEnvironment, secrets_directory: Path
) -> None:
    set_environment()
    (secrets_directory / "redis_url").write_bytes(b"redis://:\xff@h")

    assert problems() == ['error getting value for field "redis_url" from source "SecretsSettingsSource"']


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("key", ["short", LOCAL_SECRET_KEY, f"{STRONG_KEY},short", f"{STRONG_KEY},{LOCAL_SECRET_KEY}"])
def test_a_weak_secret_key_is_refused_outside_local(
    set_environment: SetEnvironment, environment: str, key: str
) -> None:
    set_environment(ENVIRONMENT=environment, TRIAL_SECRET_KEY=key)

    assert [problem.split(" ")[0] for problem in problems()] == ["SECRET_KEY"]


def test_a_secret_key_has_to_be_set_outside_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)

    assert problems() == ["SECRET_KEY (or TRIAL_SECRET_KEY): has to be set when ENVIRONMENT is not local"]


@pytest.mark.parametrize("keys", ["", ",", " , "])
def test_a_list_without_any_secret_key_is_refused_everywhere(set_environment: SetEnvironment, keys: str) -> None:
    set_environment(ENVIRONMENT="local", TRIAL_SECRET_KEY=keys)

    assert [problem.split(" ")[0] for problem in problems()] == ["SECRET_KEY"]


def test_a_developers_machine_needs_no_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "local")
    monkeypatch.setenv("DATABASE_URL", URL)

    assert [key.get_secret_value() for key in load_settings(Settings).secret_key] == [LOCAL_SECRET_KEY]


def test_several_secret_keys_keep_their_order(set_environment: SetEnvironment) -> None:
    newer, older = "n" * 32, "o" * 32
    set_environment(TRIAL_SECRET_KEY=f"{newer}, {older}")

    assert [key.get_secret_value() for key in load_settings(Settings).secret_key] == [newer, older]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_a_database_url_may_have_any_of_the_usual_schemes(set_environment: SetEnvironment, scheme: str) -> None:
    set_environment(TRIAL_DATABASE_URL=f"{scheme}://user:p%40ss@host:6543/name")

    url = load_settings(Settings).database_url.get_secret_value()

    assert url == "postgresql+asyncpg://user:p%40ss@host:6543/name"


def test_a_database_url_may_name_the_tls_mode_as_libpq_does(set_environment: SetEnvironment) -> None:
    set_environment(TRIAL_DATABASE_URL=f"{URL}?sslmode=require")

    assert load_settings(Settings).database_url.get_secret_value().endswith("/trial?ssl=require")


@pytest.mark.parametrize("query", ["sslmode=maybe", "sslmode=require&sslmode=disable", "connect_timeout=5"])
def test_a_parameter_that_would_fail_at_the_first_query_is_refused(set_environment: SetEnvironment, query: str) -> None:
    set_environment(TRIAL_DATABASE_URL=f"{URL}?{query}")

    assert [problem.split(" ")[0] for problem in problems()] == ["DATABASE_URL"]


@pytest.mark.parametrize("url", ["", "trial", "postgresql://", "postgresql://host", "postgresql+psycopg://h/d", "://"])
def test_what_is_no_database_url_is_refused(set_environment: SetEnvironment, url: str) -> None:
    set_environment(TRIAL_DATABASE_URL=url)

    assert [problem.split(" ")[0] for problem in problems()] == ["DATABASE_URL"]


@pytest.mark.parametrize("url", ["redis://h", "rediss://:p@h:6380/1", "valkey://h", "unix:///run/redis.sock"])
def test_a_redis_url_may_have_any_of_the_usual_schemes(set_environment: SetEnvironment, url: str) -> None:
    set_environment(REDIS_URL=url)

    redis_url = load_settings(Settings).redis_url

    assert redis_url is not None
    assert redis_url.get_secret_value() == url


@pytest.mark.parametrize("headers", ["", "a=", "Authorization=Basic%20YQ==", "a=b, c = d", "a=b,"])
def test_what_a_collector_is_told_is_a_list_of_names_and_values(set_environment: SetEnvironment, headers: str) -> None:
    set_environment(OTEL_EXPORTER_OTLP_HEADERS=headers)

    assert load_settings(Settings).otel_exporter_otlp_headers.get_secret_value() == headers


def test_cors_origins_are_separated_by_commas(set_environment: SetEnvironment) -> None:
    set_environment(CORS_ORIGINS="https://app.example.com, http://[::1]:3000,")

    assert load_settings(Settings).cors_origins == ("https://app.example.com", "http://[::1]:3000")


def test_every_origin_may_be_allowed(set_environment: SetEnvironment) -> None:
    set_environment(CORS_ORIGINS="*")

    assert load_settings(Settings).cors_origins == ("*",)


@pytest.mark.parametrize(
    "origin", ["app.example.com", "https://a.example/", "https://a.example/path", "https://A.example", "https://"]
)
def test_what_no_browser_sends_as_origin_is_refused(set_environment: SetEnvironment, origin: str) -> None:
    set_environment(CORS_ORIGINS=f"https://good.example,{origin}")

    assert [problem.split(" ")[0] for problem in problems()] == ["CORS_ORIGINS"]


def test_no_secret_shows_where_settings_are_printed(set_environment: SetEnvironment) -> None:
    set_environment(
        TRIAL_DATABASE_URL="postgresql://u:hidden@h/d",
        REDIS_URL="redis://:hidden@h",
        OTEL_EXPORTER_OTLP_HEADERS="key=hidden",
    )

    settings = load_settings(Settings)

    printed = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hidden" not in printed
    assert STRONG_KEY not in printed


def test_settings_do_not_change(set_environment: SetEnvironment) -> None:
    set_environment()
    settings = load_settings(Settings)

    with pytest.raises(ValueError, match="frozen"):
        settings.log_level = "DEBUG"  # type: ignore[misc]  # the claim is that this fails
