"""`make migration`: writes the migrations that the services' models ask for."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.postgres import throw_away_postgres
from local_stack.services import SERVICES, with_bytecode

MODELS_DIFFER = "New upgrade operations detected"


def create_migrations(repository: Path, *, message: str) -> None:
    """Write a migration for each service whose models differ from its migrations, and say which.

    Raises:
        LocalStackError: when Alembic fails.
    """
    alembics = []
    with throw_away_postgres() as server, ThreadPoolExecutor() as pool:
        for service in SERVICES:
            server.create_database(service.database)
            database = {f"{service.prefix}DATABASE_URL": server.url(service.database), "ENVIRONMENT": "local"}
            alembics.append(Alembic(repository / service.name, {**with_bytecode(os.environ), **database}))
        written = list(pool.map(lambda alembic: alembic.create_migration(message), alembics))
    created = [file for files in written for file in files]
    lines = [f"created {file.relative_to(repository)}" for file in created] or ["nothing changed"]
    sys.stdout.write("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Alembic:
    """Alembic in the folder of one service, on a database of its own."""

    folder: Path
    environment: Mapping[str, str]

    def create_migration(self, message: str) -> list[Path]:
        """Return the files that were written: one, or none when the models say what the migrations say."""
        self._succeed("upgrade", "head")
        if not self._models_differ():
            return []
        before = self._versions()
        self._succeed("revision", "--autogenerate", "-m", message, "--rev-id", _next_number(before))
        return sorted(self._versions() - before)

    def _models_differ(self) -> bool:
        check = self._run("check")
        if check.returncode == 0:
            return False
        if MODELS_DIFFER in check.stdout + check.stderr:
            return True
        raise self._failure(check)

    def _versions(self) -> set[Path]:
        return set((self.folder / "migrations" / "versions").glob("*.py"))

    def _succeed(self, *arguments: str) -> None:
        result = self._run(*arguments)
        if result.returncode != 0:
            raise self._failure(result)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "alembic", *arguments]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.folder, env=dict(self.environment)
        )

    def _failure(self, result: subprocess.CompletedProcess[str]) -> LocalStackError:
        lines = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()
        return LocalStackError(f"alembic failed in {self.folder.name}: {lines[-1]}")


def _next_number(versions: set[Path]) -> str:
    numbers = [int(match[0]) for file in versions if (match := re.match(r"\d{4}", file.name))]
    return f"{max(numbers, default=0) + 1:04}"
