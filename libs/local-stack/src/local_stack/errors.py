"""The one failure of this library."""


class LocalStackError(Exception):
    """The stack can't run; the text is one sentence for the person who started it."""
