"""What happens before a service starts: its own commands, each run to its end."""

from pathlib import Path

from local_stack.child import Command
from local_stack.errors import LocalStackError
from local_stack.supervisor import Supervisor


async def run_step(supervisor: Supervisor, command: Command, *, log_directory: Path, standard_input: str = "") -> None:
    """Run one of a service's commands.

    Raises:
        LocalStackError: with what the service says about its configuration, or where its traceback is.
    """
    finished = await supervisor.run(command, standard_input=standard_input)
    if finished.exit_code == 0:
        return
    what = f"{command.name} {command.arguments[3]}"
    lines = [line for line in finished.errors.splitlines() if line.strip()] or ["no reason given"]
    if not any(line.startswith("Traceback") for line in lines):
        raise LocalStackError(f"{what} failed: {'; '.join(lines)}")
    log_file = log_directory / f"{command.name}-{command.arguments[3]}.log"
    log_file.write_text(finished.output + finished.errors)
    raise LocalStackError(f"{what} failed: {lines[-1]} (the traceback is in {log_file}).")
