"""The directory in which a pair keeps what has to outlive one run."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.secret_files import read_or_make_secret


class StateDirectory:
    """Data, secrets and markers of one pair; one run at a time may use it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def postgres_data(self) -> Path:
        """Where the embedded PostgreSQL keeps its data."""
        return self.path / "postgres" / "data"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the directory and hold it for one run.

        Raises:
            LocalStackError: when another run holds it, or it can't be written.
        """
        descriptor = self._open_lock_file()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode()
            raise LocalStackError(
                f"Another run (process {holder}) already uses {self.path}: "
                "stop it first, or name another directory in TANDEM_STATE_DIRECTORY."
            ) from None
        finally:
            os.close(descriptor)

    def secret(self, name: str) -> str:
        """Return the secret of that name; the first call makes it."""
        return read_or_make_secret(self.path / name)

    def has_marker(self, name: str) -> bool:
        """Tell whether a step that happens once has happened."""
        return (self.path / name).exists()

    def set_marker(self, name: str) -> None:
        """Remember that a step that happens once has happened."""
        (self.path / name).touch()

    def _open_lock_file(self) -> int:
        try:
            # Others may pass through but not look: PostgreSQL runs as another user when root starts it.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            return os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LocalStackError(f"{self.path} can't be used to keep the data: {error.strerror}.") from None
