"""One running pair: both services, their databases and the gateway before them."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator

from local_stack.child import Child, Command
from local_stack.conversation import talk_as_a_client
from local_stack.gateway import write_gateway_files
from local_stack.guard import Guard
from local_stack.metrics_targets import write_metrics_targets
from local_stack.output import Output
from local_stack.pair_settings import PairSettings
from local_stack.polling import poll_until
from local_stack.ports import LOOPBACK, free_port
from local_stack.postgres import PostgresServer
from local_stack.preparation import run_step
from local_stack.readiness import comes_from_the_service, wait_until_ready
from local_stack.services import AUTH, ITEMS, SERVICES, Service
from local_stack.state import StateDirectory
from local_stack.supervisor import Supervisor

GATEWAY = "gateway"
FEED_CLIENT = "items-service"
DEMO_ITEMS_MARKER = "demo-items-created"
DEMO_ITEMS = (
    ("Read ARCHITECTURE.md", "One request, from the gateway to the table and back."),
    ("Add a field to Item", "Change the model, then: make migration m='Add a field'."),
    ("Open the docs", "Authorize with the superuser's e-mail and password, then try it out."),
)


class Pair:
    """Sets the pair up, runs it, and stops all of it; the caller holds the lock of the state directory."""

    def __init__(self, settings: PairSettings, *, state: StateDirectory, output: Output) -> None:
        self.settings = settings
        self.base_url = f"http://localhost:{settings.port}"
        self._state = state
        self._output = output
        self._ports = {service.name: free_port() for service in SERVICES}
        self._metrics_ports = {service.name: free_port() for service in SERVICES}
        self._guard = Guard()
        self._supervisor = Supervisor(output=output, guard=self._guard)
        self.postgres = PostgresServer(state.postgres_data, durable=settings.durable, guard=self._guard)
        self._environments: dict[str, dict[str, str]] = {}
        self._postgres_watch: asyncio.Task[None] | None = None

    @property
    def superuser_password(self) -> str:
        """The password that the superuser got when the pair ran for the first time."""
        return self._state.secret("superuser_password")

    @property
    def feed_client_secret(self) -> str:
        """The secret with which items-service shows who it is."""
        return self._state.secret("feed_client_secret")

    def url(self, service: Service) -> str:
        """Return the address on which that service itself listens."""
        return f"http://{LOOPBACK}:{self._ports[service.name]}"

    def metrics_url(self, service: Service) -> str:
        """Return the address of that service's metrics."""
        return f"http://{LOOPBACK}:{self._metrics_ports[service.name]}/metrics"

    def database_url(self, service: Service) -> str:
        """Return the address of that service's database."""
        return self._environments[service.name].get(f"{service.prefix}DATABASE_URL", "")

    def child(self, service: Service) -> Child:
        """Return the process of that service, for a test that wants to hurt it."""
        return self._supervisor.children[service.name]

    async def start(self) -> None:
        """Return when a client can log in through the gateway.

        Raises:
            LocalStackError: when a part does not come up; `stop` ends those that did.
        """
        with self._step("PostgreSQL"):
            await self._start_databases()
        with self._step("Migrations"):
            await _all_of(self._migrate(AUTH), self._migrate(ITEMS))
        with self._step("Services and gateway"):
            await _all_of(self._create_superuser(), self._create_feed_client(), self._start_processes())
        with self._step("First login and items"):
            await self._talk()

    async def stop(self) -> None:
        """Stop everything, PostgreSQL last; nothing is left after five seconds."""
        if self._postgres_watch is not None:
            self._postgres_watch.cancel()
        await self._supervisor.stop_all()
        await asyncio.to_thread(self.postgres.stop)
        await asyncio.to_thread(self._guard.close)

    def kill(self) -> None:
        """Let `stop`, which is running, wait for no service any longer."""
        self._supervisor.kill_all()

    async def stop_service(self, service: Service) -> None:
        """Stop one service; the gateway answers 502 for it until it starts again."""
        await self._supervisor.stop(service.name)

    async def start_service(self, service: Service) -> None:
        """Start one service, on the same port as before, and wait until it is ready."""
        options = ["--reload"] if self.settings.reload else []
        port = str(self._ports[service.name])
        child = await self._supervisor.start(
            self._command(service, "serve", "--host", LOOPBACK, "--port", port, *options)
        )
        await wait_until_ready(f"{self.url(service)}/health/ready", child=child)

    async def _start_databases(self) -> None:
        embedded = [service for service in SERVICES if not self.settings.has_own_database(service)]
        if embedded:
            await asyncio.to_thread(self.postgres.start)
            self._postgres_watch = asyncio.create_task(self._watch_postgres())
        for service in embedded:
            await asyncio.to_thread(self.postgres.create_database, service.database)
        for service in SERVICES:
            self._environments[service.name] = self.settings.environment_of(
                service,
                database_url=self.postgres.url(service.database) if service in embedded else None,
                secret_key=self._state.secret(f"{service.database}_secret_key"),
                shared={
                    "TOKEN_ISSUER": self.base_url,
                    "LOG_FORMAT": "console" if self._output.is_terminal else "json",
                    "TRUSTED_PROXIES": LOOPBACK,
                    # Everybody on this machine is one network, tests and load tests included.
                    "LOGIN_LIMIT_PER_NETWORK": "100000 per minute",
                },
                own=self._own_settings(service),
            )

    def _own_settings(self, service: Service) -> dict[str, str]:
        # Two services on one machine can't share a port.
        own = {f"{service.prefix}METRICS_PORT": str(self._metrics_ports[service.name])}
        return own | self._feed_settings() if service is ITEMS else own

    def _feed_settings(self) -> dict[str, str]:
        return {
            "ITEMS_AUTH_SERVICE_URL": self.url(AUTH),
            "ITEMS_FEED_CLIENT_ID": FEED_CLIENT,
            "ITEMS_FEED_CLIENT_SECRET": self.feed_client_secret,
        }

    async def _create_feed_client(self) -> None:
        arguments = ("clients", "create", FEED_CLIENT, "--scope", "events:read", "--secret-from-stdin")
        await run_step(
            self._supervisor,
            self._command(AUTH, *arguments),
            log_directory=self._state.path,
            standard_input=f"{self.feed_client_secret}\n",
        )

    async def _create_superuser(self) -> None:
        create_superuser = self._command(AUTH, "create-superuser", "--email", self.settings.superuser_email)
        await run_step(
            self._supervisor,
            create_superuser,
            log_directory=self._state.path,
            standard_input=f"{self.superuser_password}\n",
        )

    async def _migrate(self, service: Service) -> None:
        await run_step(self._supervisor, self._command(service, "migrate"), log_directory=self._state.path)

    async def _start_processes(self) -> None:
        write_metrics_targets(self._state.path, ports=self._metrics_ports)
        arguments = write_gateway_files(
            self._state.path,
            port=self.settings.port,
            auth_urls=[self.url(AUTH)],
            items_urls=[self.url(ITEMS)],
            json_logs=not self._output.is_terminal,
        )
        gateway = await self._supervisor.start(
            Command(name=GATEWAY, arguments=arguments, directory=self.settings.working_directory)
        )
        await _all_of(self.start_service(AUTH), self.start_service(ITEMS))
        for path in ("/.well-known/jwks.json", "/api/v1/items"):
            await wait_until_ready(f"{self.base_url}{path}", child=gateway, accept=comes_from_the_service)

    async def _talk(self) -> None:
        wants_demo_items = self.settings.demo_items and not self._state.has_marker(DEMO_ITEMS_MARKER)
        email = self.settings.superuser_email
        understood = await talk_as_a_client(
            self.base_url,
            email=email,
            password=self.superuser_password,
            new_items=DEMO_ITEMS if wants_demo_items else (),
        )
        if not understood:
            self._output.note(f"The password of {email} is not the one in {self._state.path}/superuser_password.")
        elif wants_demo_items:
            self._state.set_marker(DEMO_ITEMS_MARKER)

    async def _watch_postgres(self) -> None:
        await poll_until(lambda: not self.postgres.is_running, every_seconds=0.5)
        self._output.note("PostgreSQL has stopped by itself; the rest keeps running without data.")

    def _command(self, service: Service, *arguments: str) -> Command:
        environment = self._environments[service.name]
        return service.command(*arguments, environment=environment, directory=self.settings.working_directory)

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._output.note(f"  {name:<26} {time.monotonic() - began:4.1f} s")


async def _all_of(*steps: Coroutine[None, None, None]) -> None:
    """Run steps at the same time to their ends, then fail as the first of them that failed."""
    for result in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
