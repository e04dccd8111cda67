"""Imports FastAPI and uvicorn without what no service needs of them: 0.1 s of a start, and 4 MB of a process."""

import sys
from importlib import import_module
from typing import Any

from pydantic import BaseModel


def import_framework() -> None:
    """Import FastAPI and uvicorn, so that whatever else imports them later gets what is here.

    The models of OpenAPI documents are built for the first document: it takes 60 ms, and most processes are never asked
    for one. And where there is no `pydantic.v1`, FastAPI knows that no type in a route is a model of pydantic 1; else
    it imports all of that to look. Nor does uvicorn bring along what watches files: who wants that imports it.
    """
    # With None in its place a module can't be imported, says Python's reference.
    modules: dict[str, Any] = sys.modules
    modules.setdefault("pydantic.v1", None)
    modules.setdefault("watchfiles", None)
    BaseModel.model_config["defer_build"] = True
    try:
        import_module("fastapi")
        import_module("uvicorn")
    finally:
        del BaseModel.model_config["defer_build"]
        if modules["watchfiles"] is None:
            del modules["watchfiles"]
