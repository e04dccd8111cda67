"""A script that tells the guard about its own process group and turns into a command: PIPE SIGNAL COMMAND...

Were the runner to tell, a kill between the start of a process and the telling would leave that process behind. This
way the pipe stays open until the line is written, and the guard, which waits for the end of the pipe, can't miss it.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Tell the guard and become the command."""
    pipe, stop_signal, *command = sys.argv[1:]
    # The guard may have been killed; nothing depends on it as long as the runner lives.
    with contextlib.suppress(BrokenPipeError):
        os.write(int(pipe), f"watch {os.getpid()} {stop_signal}\n".encode())
    os.close(int(pipe))
    # Python ignores this signal, and what is ignored stays ignored in the command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
