from pathlib import Path

from local_stack.pair_settings import PairSettings
from local_stack.services import AUTH, ITEMS, Service

DATABASE_URL = "postgresql://somewhere/else"


def settings(folder: Path, *, dotenv: str = "", **environment: str) -> PairSettings:
    (folder / ".env").write_text(dotenv)
    return PairSettings(port=8080, working_directory=folder, environment=environment)


def environment_of(service: Service, given: PairSettings, *, database_url: str | None = "embedded") -> dict[str, str]:
    return given.environment_of(
        service,
        database_url=database_url,
        secret_key="random",
        shared={"LOG_FORMAT": "json"},
        own={"ITEMS_AUTH_SERVICE_URL": "http://auth"},
    )


def test_a_service_gets_everything_it_needs(tmp_path: Path) -> None:
    assert environment_of(ITEMS, settings(tmp_path, PATH="/bin")) == {
        "PATH": "/bin",
        "ENVIRONMENT": "local",
        "LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
        "ITEMS_SECRET_KEY": "random",
        "ITEMS_DATABASE_URL": "embedded",
        "ITEMS_AUTH_SERVICE_URL": "http://auth",
    }


def test_what_the_developer_has_set_stays(tmp_path: Path) -> None:
    given = settings(tmp_path, LOG_FORMAT="console", AUTH_SECRET_KEY="mine", ENVIRONMENT="staging")

    environment = environment_of(AUTH, given)

    assert (environment["LOG_FORMAT"], environment["AUTH_SECRET_KEY"], environment["ENVIRONMENT"]) == (
        "console",
        "mine",
        "staging",
    )


def test_what_stands_in_the_env_file_is_left_to_the_service(tmp_path: Path) -> None:
    given = settings(tmp_path, dotenv="# a comment\nLOG_FORMAT=console\nexport environment = staging\nSECRET_KEY=mine")

    environment = environment_of(AUTH, given)

    assert not {"LOG_FORMAT", "ENVIRONMENT", "AUTH_SECRET_KEY"} & set(environment)


def test_each_service_can_have_its_own_database(tmp_path: Path) -> None:
    given = settings(tmp_path, AUTH_DATABASE_URL=DATABASE_URL)

    assert given.has_own_database(AUTH)
    assert not given.has_own_database(ITEMS)
    assert environment_of(AUTH, given, database_url=None)["AUTH_DATABASE_URL"] == DATABASE_URL


def test_a_database_in_the_env_file_counts_as_given(tmp_path: Path) -> None:
    assert settings(tmp_path, dotenv=f"ITEMS_DATABASE_URL={DATABASE_URL}").has_own_database(ITEMS)


def test_one_database_for_all_is_not_taken_for_both(tmp_path: Path) -> None:
    given = settings(tmp_path, DATABASE_URL=DATABASE_URL)

    assert not given.has_own_database(AUTH)
    assert environment_of(AUTH, given)["AUTH_DATABASE_URL"] == "embedded"


def test_the_address_of_auth_service_is_always_that_of_this_pair(tmp_path: Path) -> None:
    given = settings(tmp_path, ITEMS_AUTH_SERVICE_URL="http://localhost:9999")

    assert environment_of(ITEMS, given)["ITEMS_AUTH_SERVICE_URL"] == "http://auth"
