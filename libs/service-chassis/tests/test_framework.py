"""FastAPI as a process that serves imports it: all of it that a service needs, and nothing else."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from service_chassis.framework import import_framework
import_framework()
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from pydantic import BaseModel

class Bicycle(BaseModel):
    seats: int

waits = not OpenAPI.__pydantic_complete__
app = FastAPI()

@app.post("/bicycles")
def buy(bicycle: Bicycle) -> Bicycle: ...

print(json.dumps({
    "pydantic 1": sys.modules["pydantic.v1"] is not None,
    "documents wait": waits,
    "own models wait": not Bicycle.__pydantic_complete__,
    "documented": list(app.openapi()["components"]["schemas"]),
}))
"""


def test_what_only_documents_need_waits_for_one_and_what_nobody_needs_is_left_out() -> None:
    finished = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)

    found = json.loads(finished.stdout)
    assert "Bicycle" in found.pop("documented")
    assert found == {"pydantic 1": False, "documents wait": True, "own models wait": False}
