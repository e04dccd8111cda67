"""The images, built and run as Kubernetes runs them: read-only, without capabilities, in 256 MB, as nobody special."""

import io
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local_stack.ports import LOOPBACK, free_port
from local_stack.postgres import PostgresServer, throw_away_postgres

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

SERVICES = ["auth-service", "items-service"]
BASE_IMAGE = "python:3.13-slim-trixie"
LARGEST_BYTES = 200_000_000
READY_SECONDS = 30
LIVE = "/health/live"
# What a pod of the chart may do and have.
CONFINED = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=64"]
MEMORY = ["--memory=256m", "--memory-swap=256m"]
# How `skaffold dev` puts a changed file into a container.
PUT_FILES = ["tar", "xmf", "-", "-C", "/", "--no-same-owner"]


class Engine:
    """podman or docker."""

    def __init__(self, program: str) -> None:
        self._program = program
        is_podman = Path(program).name == "podman"
        self._build_options = ["--format=docker"] if is_podman else []
        # podman would otherwise give a read-only container writable folders that Kubernetes does not.
        self._confined = [*CONFINED, "--read-only-tmpfs=false"] if is_podman else CONFINED

    def attempt(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command and return how it ended."""
        return subprocess.run([self._program, *arguments], capture_output=True, check=False, input=given)

    def do(self, *arguments: str, given: bytes = b"") -> str:
        """Run a command that has to succeed, and return what it prints."""
        finished = self.attempt(*arguments, given=given)
        assert finished.returncode == 0, (finished.stdout + finished.stderr).decode()
        return finished.stdout.decode()

    def build(self, context: Path, *, service: str, tag: str) -> str:
        """Build a service's image and return its name."""
        image, dockerfile = f"{service}:{tag}", context / service / "Dockerfile"
        self.do("build", *self._build_options, f"--file={dockerfile}", f"--tag={image}", str(context))
        return image

    def inspect(self, image: str) -> dict[str, Any]:
        """Return what the engine knows of an image."""
        described: dict[str, Any] = json.loads(self.do("image", "inspect", image))[0]
        return described

    def run(self, image: str, *arguments: str, environment: Mapping[str, str], options: tuple[str, ...] = ()) -> str:
        """Run a container on this machine's network; return what it prints, which is its id when it is detached."""
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        return self.do("run", "--network=host", *MEMORY, *variables, *options, image, *arguments).strip()

    def run_confined(self, image: str, *arguments: str, environment: Mapping[str, str]) -> str:
        """Run one of the image's commands to its end, and return what it prints."""
        return self.run(image, *arguments, environment=environment, options=("--rm", *self._confined))

    @contextmanager
    def serving(
        self, image: str, *arguments: str, environment: Mapping[str, str], confined: bool = True
    ) -> Iterator["Container"]:
        """Serve from a container for a block."""
        port = free_port()
        options = ("--detach", *(self._confined if confined else ()))
        command = ["serve", "--host", LOOPBACK, "--port", str(port), *arguments]
        container = self.run(image, *command, environment=environment, options=options)
        try:
            yield Container(self, container, url=f"http://{LOOPBACK}:{port}")
        finally:
            self.do("rm", "--force", "--volumes", container)


class Container:
    """A service in a container."""

    def __init__(self, engine: Engine, name: str, *, url: str) -> None:
        self._engine = engine
        self._name = name
        self.url = url

    def do(self, *command: str, given: bytes = b"") -> str:
        """Run a command in the container, as `kubectl exec` does."""
        return self._engine.do("exec", "--interactive", self._name, *command, given=given)

    def wait_until(self, path: str, claim: Callable[[httpx.Response], bool]) -> None:
        """Return when the service answers that path as claimed."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if claim(httpx.get(f"{self.url}{path}", timeout=5)):
                    return
            time.sleep(0.02)
        logs = self._engine.attempt("logs", self._name)
        raise AssertionError((logs.stdout + logs.stderr).decode())

    def end(self) -> int:
        """Ask it to end, and return its exit code."""
        self._engine.do("stop", "--time=20", self._name)
        return int(self._engine.do("wait", self._name))


@pytest.fixture(scope="module")
def engine() -> Engine:
    program = shutil.which("podman") or shutil.which("docker")
    if program is None:
        pytest.skip("neither podman nor docker is installed")
    engine = Engine(program)
    if engine.attempt("image", "inspect", BASE_IMAGE).returncode != 0:
        pytest.skip(f"the base image is not on this machine: {Path(program).name} pull {BASE_IMAGE}")
    return engine


@pytest.fixture(scope="module")
def images(engine: Engine, repository: Path) -> dict[str, str]:
    return {service: engine.build(repository, service=service, tag="test") for service in SERVICES}


@pytest.fixture(params=SERVICES)
def image(images: dict[str, str], request: pytest.FixtureRequest) -> str:
    return images[request.param]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with throw_away_postgres() as server:
        for database in ("auth", "items"):
            server.create_database(database)
        yield server


@pytest.fixture
def environment(postgres: PostgresServer) -> dict[str, str]:
    return {
        "ENVIRONMENT": "local",
        "AUTH_DATABASE_URL": postgres.url("auth"),
        "ITEMS_DATABASE_URL": postgres.url("items"),
        "AUTH_METRICS_PORT": str(free_port()),
        "ITEMS_METRICS_PORT": str(free_port()),
    }


def test_an_image_says_what_it_is_and_runs_as_a_number_that_is_not_root(engine: Engine, image: str) -> None:
    described = engine.inspect(image)["Config"]

    assert described["User"] == "10001:10001"
    assert described["StopSignal"] in {"SIGTERM", "15"}
    assert described["Labels"]["org.opencontainers.image.title"] == image.partition(":")[0]
    assert (described["Entrypoint"], described["Cmd"]) == ([image.partition(":")[0]], ["serve"])


def test_an_image_describes_the_same_api_as_its_sources(engine: Engine, image: str, repository: Path) -> None:
    # Packages have no docstrings there, and ours do.
    committed = (repository / image.partition(":")[0] / "openapi.json").read_text()

    assert engine.run_confined(image, "openapi", environment={}) == committed.strip()


def test_an_image_is_less_than_200_mb_unpacked(engine: Engine, image: str) -> None:
    assert engine.inspect(image)["Size"] < LARGEST_BYTES


def test_both_images_begin_with_the_same_layer(engine: Engine, images: dict[str, str]) -> None:
    layers = [engine.inspect(image)["RootFS"]["Layers"] for image in images.values()]

    assert layers[0][0] == layers[1][0]


def test_an_image_holds_no_compiler_no_cache_and_nobodys_tests(engine: Engine, image: str) -> None:
    search = (
        "command -v gcc cc make strip uv pip; ls -d ~/.cache /var/cache/pip/* /var/cache/uv/* /tmp/*;"
        "ls -d /var/lib/apt/lists/*_Packages;"
        "find /app -name tests -o -name testing -o -name '.env*' -o -name '*.tar.gz'"
    )

    found = engine.attempt("run", "--rm", "--entrypoint=sh", image, "-c", search)

    assert found.stdout.decode() == ""


def test_a_change_of_the_code_leaves_the_packages_alone(engine: Engine, repository: Path, tmp_path: Path) -> None:
    for name in ("auth-service", "libs/service-chassis"):
        shutil.copytree(repository / name, tmp_path / name)
    for name in ("requirements.lock", ".dockerignore"):
        shutil.copy(repository / name, tmp_path)
    before = engine.inspect(engine.build(tmp_path, service="auth-service", tag="before"))

    with (tmp_path / "auth-service/src/auth_service/main.py").open("a") as source:
        source.write("# A change.\n")
    after = engine.inspect(engine.build(tmp_path, service="auth-service", tag="after"))

    layers = [image["RootFS"]["Layers"] for image in (before, after)]
    common = sum(first == second for first, second in zip(*layers, strict=True))
    # What differs are the service's own source and its bytecode.
    assert common == len(layers[0]) - 2


@pytest.mark.parametrize("workers", [1, 2])
def test_the_pair_migrates_serves_and_ends_confined(
    engine: Engine, images: dict[str, str], environment: dict[str, str], workers: int
) -> None:
    auth, items = (images[service] for service in SERVICES)
    environment["WEB_CONCURRENCY"] = str(workers)
    for image in (auth, items):
        engine.run_confined(image, "migrate", environment=environment)

    with engine.serving(auth, environment=environment) as auth_service:
        environment["ITEMS_AUTH_SERVICE_URL"] = auth_service.url
        with engine.serving(items, environment=environment) as items_service:
            for service in (auth_service, items_service):
                service.wait_until("/health/ready", lambda response: response.is_success)
            item = create_item(auth_service.url, items_service.url)
            keys = auth_service.do("auth-service", "keys", "list")
            exit_codes = [items_service.end(), auth_service.end()]

    assert item["title"] == "Tandem bicycle"
    assert "signing" in keys
    assert exit_codes == [0, 0]


def test_a_changed_file_that_is_put_into_a_container_is_served(
    engine: Engine, images: dict[str, str], environment: dict[str, str], repository: Path
) -> None:
    path = "libs/service-chassis/src/service_chassis/health.py"
    changed = (repository / path).read_text().replace('{"status": "ok"}', '{"status": "changed"}')

    with engine.serving(images["items-service"], "--reload", environment=environment, confined=False) as container:
        container.wait_until(LIVE, lambda response: response.json() == {"status": "ok"})
        container.do(*PUT_FILES, given=archive_of({f"app/{path}": changed}))

        container.wait_until(LIVE, lambda response: response.json() == {"status": "changed"})


def create_item(auth_url: str, items_url: str) -> dict[str, Any]:
    account = {"email": f"{uuid4()}@example.com", "password": "correct horse"}
    httpx.post(f"{auth_url}/api/v1/auth/register", json=account).raise_for_status()
    form = {"username": account["email"], "password": account["password"]}
    token = httpx.post(f"{auth_url}/api/v1/auth/login", data=form).raise_for_status().json()["access_token"]
    created: dict[str, Any] = (
        httpx.post(
            f"{items_url}/api/v1/items",
            json={"title": "Tandem bicycle"},
            headers={"Authorization": f"Bearer {token}"},
        )
        .raise_for_status()
        .json()
    )
    return created


def archive_of(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()
