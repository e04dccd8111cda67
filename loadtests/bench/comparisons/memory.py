"""What fills the memory of a process, import by import: what stands between us and less."""

import subprocess
from itertools import pairwise

from loadtests.bench.environment import SHIPPED

# Each with what it imports that is not there yet, in the order of a start.
_IMPORTS = {
    "Python": "",
    "FastAPI, pydantic, uvicorn": "from service_chassis.framework import import_framework; import_framework()",
    "SQLAlchemy, asyncpg": "import sqlalchemy.ext.asyncio, sqlalchemy.dialects.postgresql, asyncpg",
    "PyJWT, cryptography": "import jwt",
    "other packages, and ours": "import {package}.main",
}
_TELL = "print(int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 1e6)"


def profile_memory(service: str, *, ready: float, loaded: float) -> dict[str, float]:
    """Return what each step of a service's process adds, in MB, given what it has in the end."""
    reached = [0.0, *_resident_after_imports(service), ready, loaded]
    names = [*_IMPORTS, "connections, routes, settings: ready", "under load"]
    return {name: after - before for name, (before, after) in zip(names, pairwise(reached), strict=True)}


def _resident_after_imports(service: str) -> list[float]:
    lines = ["import resource"]
    for imports in _IMPORTS.values():
        lines += [imports.format(package=service.replace("-", "_")), _TELL]
    command = [str(SHIPPED / service / "bin/python"), "-c", "\n".join(lines)]
    return [float(line) for line in subprocess.check_output(command, text=True).split()]
