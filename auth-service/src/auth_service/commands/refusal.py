"""How a command says what is wrong with what it was given."""

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from pydantic import ValidationError


def refuse(error: "ValidationError") -> NoReturn:
    """End the command with a line for each thing that is wrong; no line repeats what was given."""
    sys.exit("\n".join(f"{detail['loc'][0]}: {detail['msg']}" for detail in error.errors(include_input=False)))
