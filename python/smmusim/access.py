"""Results of accesses, and requesters that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smmusim import _core
from smmusim.errors import Blocked

if TYPE_CHECKING:
    from smmusim.platform import Platform

#: Names of the core's status values, in their order.
STATUSES = ("pending", "ok", "ok", "completer_abort", "unsupported_request", "poisoned", "timeout")
_DISCARDED = 2


class Result:
    """How an access ended.

    Attributes: ok; status in {ok, unsupported_request, completer_abort, timeout, poisoned}; data (bytes of a read,
    zeros if discarded, None for writes and whenever not ok); latency in picoseconds, of a write until it is globally
    visible or dropped; discarded: completed, but read as zero or ignored as a write (RAZ/WI).
    """

    def __init__(self, operation: _core.Operation, write: bool):
        self.status = STATUSES[operation.status]
        self.ok = self.status == "ok"
        self.discarded = operation.status == _DISCARDED
        self.latency = operation.latency
        self.data = operation.data if self.ok and not write else None

    def __repr__(self) -> str:
        discarded = ", discarded" if self.discarded else ""
        return f"Result({self.status}, latency {self.latency} ps{discarded})"


class Handle:
    """An access under way. Attributes: done; result: its Result, or None while it is not done."""

    def __init__(self, platform: Platform, operation: _core.Operation, write: bool):
        self._platform = platform
        self._operation = operation
        self._write = write

    @property
    def done(self) -> bool:
        return self._operation.done

    @property
    def result(self) -> Result | None:
        return Result(self._operation, self._write) if self.done else None

    def wait(self) -> Result:
        """Runs until the access is done. Raises Blocked if nothing can finish it."""
        try:
            self._platform._core.wait(self._operation)
        except Blocked as blocked:
            blocked.handle = self
            raise
        return Result(self._operation, self._write)


def _size(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError("a size is a number of bytes")
    if size <= 0:
        raise ValueError("a size is at least one byte")
    return size


def octets(data) -> bytes:
    """Data to write: bytes, bytearray, an array, anything that has bytes or is a sequence of them."""
    if isinstance(data, int):
        raise TypeError("the data to write are bytes, not a number")
    return bytes(data)


def _address(address: int) -> int:
    if not 0 <= address < 1 << 64:
        raise ValueError(f"{address:#x} is no 64-bit address")
    return address


class Stream:
    """A raw requester: no link, no bus-master gate, any StreamID.

    An access that stays within 4 KiB is one transaction; a larger one is cut at 4 KiB only.
    """

    _KEYWORDS = ("substream_id", "privileged", "instruction", "secure", "at", "device_id", "tbu", "smmu")

    def __init__(self, platform: Platform, stream_id: int, **identity):
        self._platform = platform
        self.stream_id = stream_id
        self._identity = self._merge({}, identity)

    @classmethod
    def _merge(cls, before: dict, changes: dict) -> dict:
        unknown = set(changes) - set(cls._KEYWORDS)
        if unknown:
            raise TypeError(f"unknown keyword {sorted(unknown)[0]!r}; there are {', '.join(cls._KEYWORDS)}")
        identity = {**before, **changes}
        if identity.get("secure"):
            raise ValueError("the SMMU has no Secure state (S_IDR1.SECURE_IMPL = 0)")
        if identity.get("substream_id") is not None and not 0 <= identity["substream_id"] < 1 << 20:
            raise ValueError("a SubstreamID has 20 bits")
        return identity

    def _submit(self, write: bool, iova: int, size: int, data, changes: dict) -> Handle:
        identity = self._merge(self._identity, changes)
        at = identity.get("at", "untranslated")
        if at != "untranslated":
            raise ValueError(f"at={at!r}: the SMMU has no ATS (IDR0.ATS = 0)")
        if write and identity.get("instruction"):
            raise ValueError("a write is never an instruction access")
        who = _core.StreamIdentity(
            self.stream_id,
            identity.get("substream_id"),
            identity.get("device_id"),
            bool(identity.get("privileged", False)),
            bool(identity.get("instruction", False)),
            bool(identity.get("secure", False)),
            identity.get("smmu", 0),
            identity.get("tbu", 0),
        )
        operation = self._platform._core.submit_stream(who, write, _address(iova), _size(size), data)
        return Handle(self._platform, operation, write)

    def submit_read(self, iova: int, size: int, **identity) -> Handle:
        """Queues a read and returns at once."""
        return self._submit(False, iova, size, None, identity)

    def submit_write(self, iova: int, data: bytes, **identity) -> Handle:
        """Queues a write and returns at once."""
        data = octets(data)
        return self._submit(True, iova, len(data), data, identity)

    def read(self, iova: int, size: int, **identity) -> Result:
        """Reads `size` bytes; runs until the read is done."""
        return self.submit_read(iova, size, **identity).wait()

    def write(self, iova: int, data: bytes, **identity) -> Result:
        """Writes; runs until the write is globally visible, or dropped."""
        return self.submit_write(iova, data, **identity).wait()


class ConfigSpace:
    """Configuration space of a function; offsets and sizes in bytes, without simulated time."""

    def __init__(self, platform: Platform, index: int):
        self._platform = platform
        self._index = index

    def read(self, offset: int, size: int) -> int:
        return self._platform._core.config_read(self._index, offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if not 0 <= value < 1 << (8 * size):
            raise ValueError(f"{value:#x} does not fit into {size} bytes")
        self._platform._core.config_write(self._index, offset, value, size)


class Endpoint:
    """A PCIe function with a DMA engine.

    Attributes: bdf, requester_id, stream_id, device_id (None where no map gives one), path (prefix of its
    statistics), config (ConfigSpace). Accesses are cut by MPS, MRRS and the 4 KiB rule.
    """

    def __init__(self, platform: Platform, index: int):
        self._platform = platform
        self._index = index
        self.bdf, self.requester_id, self.stream_id, self.device_id, self.path = platform._core.endpoint_identity(index)
        self.config = ConfigSpace(platform, index)

    def _submit(self, write, iova, size, data, pasid, privileged, instruction) -> Handle:
        if (privileged or instruction) and pasid is None:
            raise ValueError("a privileged or instruction access of a function needs a PASID")
        operation = self._platform._core.submit_endpoint(
            self._index, write, _address(iova), _size(size), data, pasid, privileged, instruction
        )
        return Handle(self._platform, operation, write)

    def submit_read(self, iova: int, size: int, pasid: int | None = None, privileged: bool = False,
                    instruction: bool = False) -> Handle:
        """Queues a DMA read and returns at once."""
        return self._submit(False, iova, size, None, pasid, privileged, instruction)

    def submit_write(self, iova: int, data: bytes, pasid: int | None = None, privileged: bool = False,
                     instruction: bool = False) -> Handle:
        """Queues a DMA write and returns at once."""
        if instruction:
            raise ValueError("a write is never an instruction access")
        data = octets(data)
        return self._submit(True, iova, len(data), data, pasid, privileged, False)

    def dma_read(self, iova: int, size: int, pasid: int | None = None, privileged: bool = False,
                 instruction: bool = False) -> Result:
        """Reads by DMA; runs until the read is done."""
        return self.submit_read(iova, size, pasid, privileged, instruction).wait()

    def dma_write(self, iova: int, data: bytes, pasid: int | None = None, privileged: bool = False,
                  instruction: bool = False) -> Result:
        """Writes by DMA; runs until the write is globally visible, or dropped."""
        return self.submit_write(iova, data, pasid, privileged, instruction).wait()

    def msi(self, vector: int) -> None:
        """Raises a vector through the MSI or MSI-X state of the configuration space; returns at once."""
        self._platform._core.msi(self._index, vector)

    def __repr__(self) -> str:
        return f"Endpoint({self.bdf})"
