"""A script that root runs to start a command as another user: USER_ID GROUP_ID reach|- COMMAND...

With `reach`, the command may still open what root may open: PostgreSQL refuses to run as root, and a checkout below
/root (mode 0700) is closed to everybody else. Nothing on disk has to be opened up for it. Linux only.
"""

import ctypes
import os
import signal
import struct
import sys

PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Become the user and turn into the command."""
    user_id, group_id, mode, *command = sys.argv[1:]
    if mode == "reach":
        # Without this bit, setuid() and every access() by the new user would lose the capability.
        _call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(int(group_id))
    os.setuid(int(user_id))
    if mode == "reach":
        _keep_only_file_access()
    # Python ignores this signal, and what is ignored stays ignored in the command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(command[0], command)


def _keep_only_file_access() -> None:
    capability = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("Ii", LINUX_CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = struct.pack("6I", capability, capability, capability, 0, 0, 0)
    _call("capset", header, effective_permitted_inheritable)
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def _call(function: str, *arguments: int | bytes) -> None:
    c_library = ctypes.CDLL(None, use_errno=True)
    if c_library[function](*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), function)


if __name__ == "__main__":
    main()
