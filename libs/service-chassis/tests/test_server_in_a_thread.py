"""What a server does around an application, as far as a thread can show it; `test_server.py` shows whole processes."""

import gc
from threading import Thread

import uvicorn
from fastapi import FastAPI

from local_stack.ports import free_port
from service_chassis.ending import when_asked_to_end
from service_chassis.server import SERVER_OPTIONS, Server
from service_chassis.testing.servers import LOOPBACK
from service_chassis.testing.trial_service import answer_of, eventually


def test_a_server_shows_metrics_looks_for_no_garbage_in_what_it_began_with_and_tells_of_the_end() -> None:
    app, told, metrics_port = FastAPI(), list[str](), free_port()
    when_asked_to_end(app, lambda: told.append("the end has begun"))
    config = uvicorn.Config(app, host=LOOPBACK, port=free_port(), **SERVER_OPTIONS)
    server = Server(config, metrics_port=metrics_port, has_process_to_itself=True)
    thread = Thread(target=server.run)
    thread.start()
    try:
        shows_metrics = eventually(lambda: "python_info" in answer_of(metrics_port, "/metrics"))
        is_ready = eventually(lambda: answer_of(config.port, "/openapi.json") != "")
        left_out, told_before = gc.get_freeze_count(), [*told]
    finally:
        server.should_exit = True
        thread.join()
        gc.unfreeze()

    assert (shows_metrics, is_ready, told_before) == (True, True, [])
    assert left_out > 0
    assert told == ["the end has begun"]
    assert answer_of(metrics_port, "/metrics") == ""
