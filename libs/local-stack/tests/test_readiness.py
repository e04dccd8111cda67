import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_stack import readiness
from local_stack.child import Command
from local_stack.errors import LocalStackError
from local_stack.guard import Guard
from local_stack.output import Output
from local_stack.ports import LOOPBACK, free_port
from local_stack.readiness import comes_from_the_service, wait_until_ready
from local_stack.supervisor import Supervisor

SERVE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:])); self.end_headers(); self.wfile.write(b"because")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
async def supervisor(guard: Guard, tmp_path: Path) -> AsyncIterator[Supervisor]:
    with (tmp_path / "shown").open("wb") as file:
        output = Output(log=file.fileno(), notes=file.fileno())
        supervisor = Supervisor(output=output, guard=guard)
        yield supervisor
        await supervisor.stop_all()
        output.close()


def python(*arguments: str) -> Command:
    return Command(name="items-service", arguments=[sys.executable, "-c", *arguments], directory=Path("/"))


async def test_a_service_is_waited_for(supervisor: Supervisor) -> None:
    port = free_port()
    child = await supervisor.start(python(SERVE, str(port)))

    await wait_until_ready(f"http://{LOOPBACK}:{port}/200", child=child)


async def test_a_service_that_ends_is_not_waited_for(supervisor: Supervisor) -> None:
    child = await supervisor.start(python("print('no key'); raise SystemExit(1)"))

    with pytest.raises(LocalStackError, match="items-service has stopped while starting; its last line: no key"):
        await wait_until_ready(f"http://{LOOPBACK}:{free_port()}/200", child=child)


async def test_a_service_that_never_gets_ready_is_given_up_with_what_it_says(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "TIMEOUT_SECONDS", 1.0)
    port = free_port()
    child = await supervisor.start(python(SERVE, str(port)))

    with pytest.raises(LocalStackError, match=r"not ready after 1 s; .* says: 503 because"):
        await wait_until_ready(f"http://{LOOPBACK}:{port}/503", child=child)


@pytest.mark.parametrize(("status", "expected"), [(200, True), (401, True), (404, False), (502, False), (503, False)])
def test_an_answer_of_the_gateway_is_told_from_one_of_the_service(status: int, *, expected: bool) -> None:
    assert comes_from_the_service(status) == expected
