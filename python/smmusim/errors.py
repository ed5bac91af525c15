"""Errors of the simulator. Wrong arguments are ValueError or TypeError; failed software calls are OSError."""


class Error(Exception):
    """Base of all errors that are the simulator's own."""


class ConfigError(Error):
    """A configuration or scenario cannot be used.

    Attributes: file, line, column: the place that caused it (line and column are None where the source has none).
    """

    file: str = ""
    line: int | None = None
    column: int | None = None


class BusError(Error):
    """An MMIO access that no target decodes or that its target refused.

    Attributes: address, size in bytes, write (bool).
    """

    address: int = 0
    size: int = 0
    write: bool = False


class Blocked(Error):
    """A blocking call that nothing can finish any more; the text says who waits for whom.

    Attributes: handle: the operation, still alive (None for a software call or an MMIO access).
    """

    handle = None
