"""`make observe` and `make pictures`: a Prometheus beside `make run`, and what it has seen."""

import signal
import sys
from pathlib import Path
from queue import SimpleQueue

from local_stack.errors import LocalStackError
from observability.generation import FOLDER, OBJECTIVES_FILE
from observability.objectives import read_objectives
from observability.pictures import write_pictures
from observability.prometheus import Prometheus, PrometheusSettings, running_prometheus

STATE = Path(".tandem")
TARGETS = STATE / "prometheus-targets.json"
CARD = """
Prometheus watches the pair, with every rule loaded:
  {url}/alerts    what is wrong
  {url}/graph     any question
  make pictures                   every dashboard as a picture
Ctrl-C stops it; what it has seen stays in {state} for three days.
"""


def observe(repository: Path, *, port: int) -> None:
    """Run Prometheus beside the pair until it is told to stop.

    Raises:
        LocalStackError: when the pair has never run here, or Prometheus can't.
    """
    if not (repository / TARGETS).is_file():
        raise LocalStackError("There is nothing to observe yet: start the pair first, with `make run`.")
    rules = {file.name: file.read_text() for file in (repository / FOLDER / "rules").glob("*.yaml")}
    directory = repository / STATE / "prometheus"
    # A threading.Event would not do: a signal that comes while its lock is held waits for that lock forever.
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: signals.put(number))
    settings = PrometheusSettings(
        directory=directory, targets_file=repository / TARGETS, rules=rules, port=port, interval_seconds=5
    )
    with running_prometheus(settings) as prometheus:
        sys.stdout.write(CARD.format(url=prometheus.url, state=STATE / "prometheus"))
        sys.stdout.flush()
        signals.get()


def draw_pictures(repository: Path, *, url: str) -> None:
    """Write a picture of each dashboard.

    Raises:
        LocalStackError: when no Prometheus answers there.
    """
    prometheus = Prometheus(url)
    try:
        if not prometheus.is_ready():
            raise LocalStackError(f"No Prometheus answers on {url}: start one with `make observe`.")
        objectives = read_objectives(repository / OBJECTIVES_FILE)
        for file in write_pictures(prometheus, objectives, directory=repository / STATE / "pictures"):
            sys.stdout.write(f"{file.relative_to(repository)}\n")
    finally:
        prometheus.close()
