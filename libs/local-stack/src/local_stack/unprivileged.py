"""PostgreSQL refuses to run as root: finds the user to run it as, and the command line that does so."""

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_stack import drop_privileges
from local_stack.errors import LocalStackError

# Users that exist where nobody has prepared anything; the first belongs to a distribution's PostgreSQL.
CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The user that runs PostgreSQL; `launcher` goes in front of a command line."""

    user_id: int
    group_id: int
    launcher: tuple[str, ...] = ()

    def owns(self, path: Path) -> bool:
        """Tell whether that path belongs to this user."""
        return path.stat().st_uid == self.user_id

    def give(self, path: Path) -> None:
        """Make this user the owner of a path and of everything below it."""
        if self.owns(path):
            return
        for inside in (path, *path.rglob("*")):
            os.chown(inside, self.user_id, self.group_id, follow_symlinks=False)


def choose_account(data_directory: Path, *, programs: Sequence[Path]) -> Account:
    """Return the current user, or for root another one that can reach the data and the programs.

    Raises:
        LocalStackError: when root has no such user.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    user = _owner(data_directory) or _first_candidate()
    reachable = all(_can_reach(user, path) for path in (data_directory.parent, *programs))
    launcher = _launcher(user, mode="-" if reachable else "reach")
    if not reachable and not _works(launcher):
        raise LocalStackError(
            f"PostgreSQL refuses to run as root, and the user {user.pw_name} can't reach {data_directory.parent}: "
            "use a checkout in a directory that everybody may enter, or start as a normal user."
        )
    return Account(user.pw_uid, user.pw_gid, launcher)


def _owner(data_directory: Path) -> pwd.struct_passwd | None:
    # Whoever owns the data keeps running it, although a better candidate may have appeared since.
    try:
        owner = data_directory.stat().st_uid
        return pwd.getpwuid(owner) if owner != 0 else None
    except (FileNotFoundError, KeyError):
        return None


def _first_candidate() -> pwd.struct_passwd:
    known = {user.pw_name: user for user in pwd.getpwall()}
    for name in CANDIDATES:
        if name in known:
            return known[name]
    raise LocalStackError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.")


def _can_reach(user: pwd.struct_passwd, path: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH if path.is_file() else stat.S_IXOTH
    return _allows(user, path, bits=wanted) and all(
        _allows(user, parent, bits=stat.S_IXOTH) for parent in path.resolve().parents
    )


def _allows(user: pwd.struct_passwd, path: Path, *, bits: int) -> bool:
    status = path.stat()
    # The same bits stand three places higher for the group and six for the owner.
    if status.st_uid == user.pw_uid:
        bits <<= 6
    elif status.st_gid == user.pw_gid:
        bits <<= 3
    return status.st_mode & bits == bits


def _launcher(user: pwd.struct_passwd, *, mode: str) -> tuple[str, ...]:
    # -I -S: the interpreter starts in 15 ms and reads nothing that the environment could change.
    script = str(Path(drop_privileges.__file__))
    return (sys.executable, "-I", "-S", script, str(user.pw_uid), str(user.pw_gid), mode)


def _works(launcher: Iterable[str]) -> bool:
    attempt = subprocess.run([*launcher, "/bin/true"], check=False, capture_output=True)
    return attempt.returncode == 0
