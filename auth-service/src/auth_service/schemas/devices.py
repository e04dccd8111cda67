"""Where a request comes from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """The address and the program that a request came from, as far as they can be known."""

    address: str
    user_agent: str


COMMAND_LINE = Device(address="", user_agent="command line")
"""The device of whoever operates this service from inside."""

THIS_SERVICE = Device(address="", user_agent="")
"""The device of what this service does by itself."""
