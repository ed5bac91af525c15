"""Results of accesses, and requesters that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smmusim import _core, traffic
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
    visible or dropped; discarded: completed, but read as zero or ignored as a write (RAZ/WI); translations: entries of
    an answered translation request (at="request"), else None.
    """

    def __init__(self, operation: _core.Operation, write: bool, asked: int | None = None):
        self.status = STATUSES[operation.status]
        self.ok = self.status == "ok"
        self.discarded = operation.status == _DISCARDED
        self.latency = operation.latency
        self.data = operation.data if self.ok and not write else None
        self.translations = None
        if asked is not None:
            self.translations = entries(asked, self.data) if self.data is not None else None
            self.data = None

    def __repr__(self) -> str:
        discarded = ", discarded" if self.discarded else ""
        return f"Result({self.status}, latency {self.latency} ps{discarded})"


class AtsTranslation(NamedTuple):
    """One entry of a translation completion: `size` bytes from `iova` lie at `address`."""

    iova: int
    address: int
    size: int
    read: bool
    write: bool
    execute: bool
    privileged: bool
    global_: bool


class Invalidation(NamedTuple):
    """What an ATC invalidation named: `size` bytes from `address`; substream_id None: of every PASID."""

    address: int
    size: int
    substream_id: int | None
    global_: bool


def entries(iova: int, data: bytes) -> list[AtsTranslation]:
    """Decodes a completion: one entry of 8 bytes per page asked about, repeated ones once."""
    result: list[AtsTranslation] = []
    for index in range(0, len(data), 8):
        entry = int.from_bytes(data[index:index + 8], "little")
        page = (iova & ~0xFFF) + index // 8 * 4096
        address, size = entry & ~0xFFF, 4096
        if entry >> 11 & 1:  # S: ones from bit 12 upwards tell the size
            size = 8192
            while address & size >> 1:
                size <<= 1
            address &= ~(size - 1)
        bits = [bool(entry >> bit & 1) for bit in (0, 1, 3, 4, 5)]
        translation = AtsTranslation(page & ~(size - 1), address, size, *bits)
        if not result or result[-1] != translation:
            result.append(translation)
    return result


class Handle:
    """An access under way. Attributes: done; result: its Result, or None while it is not done."""

    def __init__(self, platform: Platform, operation: _core.Operation, write: bool, asked: int | None = None):
        self._platform = platform
        self._operation = operation
        self._write = write
        self._asked = asked

    @property
    def done(self) -> bool:
        return self._operation.done

    @property
    def result(self) -> Result | None:
        return Result(self._operation, self._write, self._asked) if self.done else None

    def wait(self) -> Result:
        """Runs until the access is done. Raises Blocked if nothing can finish it."""
        try:
            self._platform._core.wait(self._operation)
        except Blocked as blocked:
            blocked.handle = self
            raise
        return Result(self._operation, self._write, self._asked)


class PageResult:
    """The answer to a page request. Attribute: code, of PCI Express: 0 success, 1 invalid request, 15 failure; None
    for a request that is never answered."""

    def __init__(self, operation: _core.PageOperation):
        self.code = operation.code

    def __repr__(self) -> str:
        return f"PageResult(code {self.code})"


class PageHandle:
    """A page request under way. Attributes: done; result: its PageResult, or None while it is not done."""

    def __init__(self, operation: _core.PageOperation):
        self._operation = operation

    @property
    def done(self) -> bool:
        return self._operation.done

    @property
    def result(self) -> PageResult | None:
        return PageResult(self._operation) if self.done else None


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

    _KEYWORDS = ("substream_id", "privileged", "instruction", "secure", "at", "device_id", "tbu", "smmu",
                 "no_write")

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
        asks = identity.get("at", "untranslated") == "request"
        if write and identity.get("instruction"):
            raise ValueError("a write is never an instruction access")
        if write and asks:
            raise ValueError("a translation request is a read")
        operation = self._platform._core.submit_stream(self._who(identity), write, _address(iova), _size(size), data)
        return Handle(self._platform, operation, write, iova if asks else None)

    def _who(self, identity: dict) -> _core.StreamIdentity:
        return _core.StreamIdentity(
            self.stream_id,
            identity.get("substream_id"),
            identity.get("device_id"),
            bool(identity.get("privileged", False)),
            bool(identity.get("instruction", False)),
            bool(identity.get("secure", False)),
            identity.get("at", "untranslated"),
            bool(identity.get("no_write", False)),
            identity.get("smmu", 0),
            identity.get("tbu", 0),
        )

    def page_request(self, iova: int, read: bool = True, write: bool = False, group: int = 0, last: bool = True,
                     **identity) -> PageHandle:
        """Asks software, through the PRI queue, to make a 4 KiB page present. Requests that are not the last of their
        group (0 to 511) are not answered."""
        if not 0 <= group < 512:
            raise ValueError(f"group {group} is not within 0 to 511")
        who = self._who(self._merge(self._identity, identity))
        return PageHandle(self._platform._core.submit_page_request(who, _address(iova), read, write, group, last))

    @property
    def invalidations(self) -> list[Invalidation]:
        """What the SMMU has asked this stream's translation cache to forget, in order."""
        who = self._who(self._identity)
        return [Invalidation(address, 1 << span, substream, global_)
                for address, span, substream, global_ in self._platform._core.invalidations(who)]

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


    def start_traffic(self, iova: int, window: int, count: int, size: int = 64, stride: int | None = None,
                      order: str = "random", write: bool = False, warmup: int = 0, outstanding: int = 1,
                      seed: int = 1) -> traffic.Traffic:
        """Like traffic(), but returns at once."""
        plan = traffic.plan(iova, window, count, size, stride, order, write, warmup, outstanding, seed, None)
        core = self._platform._core.start_stream_traffic(self._who(self._identity), plan)
        return traffic.Traffic(self._platform, core, count - warmup)

    def traffic(self, *arguments, **keywords) -> traffic.Traffic:
        """Makes `count` accesses of `size` bytes within [iova, iova + window), at multiples of `stride` (default:
        `size`) in "random" or "sequential" order, `outstanding` at one time; the first `warmup` are not measured."""
        return self.start_traffic(*arguments, **keywords).wait()


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

    def start_traffic(self, iova: int, window: int, count: int, size: int = 64, stride: int | None = None,
                      order: str = "random", write: bool = False, warmup: int = 0, outstanding: int | None = None,
                      seed: int = 1, pasid: int | None = None) -> traffic.Traffic:
        """Like traffic(), but returns at once."""
        if outstanding is None:
            outstanding = self._platform.parameters[f"endpoint{self._index}.tags"]
        plan = traffic.plan(iova, window, count, size, stride, order, write, warmup, outstanding, seed, pasid)
        core = self._platform._core.start_endpoint_traffic(self._index, plan)
        return traffic.Traffic(self._platform, core, count - warmup)

    def traffic(self, *arguments, **keywords) -> traffic.Traffic:
        """Makes `count` DMA operations of `size` bytes within [iova, iova + window), at multiples of `stride`
        (default: `size`) in "random" or "sequential" order, `outstanding` (default: the function's tags) at one time;
        the first `warmup` are not measured."""
        return self.start_traffic(*arguments, **keywords).wait()

    def msi(self, vector: int) -> None:
        """Raises a vector through the MSI or MSI-X state of the configuration space; returns at once."""
        self._platform._core.msi(self._index, vector)

    def __repr__(self) -> str:
        return f"Endpoint({self.bdf})"
