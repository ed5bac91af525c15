"""Many equal operations of one requester, made by the simulator itself: load for measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smmusim import _core
from smmusim.errors import Blocked

if TYPE_CHECKING:
    from smmusim.platform import Platform

ORDERS = ("random", "sequential")


def plan(iova: int, window: int, count: int, size: int, stride: int | None, order: str, write: bool, warmup: int,
         outstanding: int, seed: int, pasid: int | None) -> _core.TrafficPlan:
    """Checks and packs what Endpoint.traffic() and Stream.traffic() are given."""
    if order not in ORDERS:
        raise ValueError(f"order is {' or '.join(map(repr, ORDERS))}, not {order!r}")
    if stride is not None and stride <= 0:
        raise ValueError("a stride is at least one byte")
    for name, value in (("iova", iova), ("window", window), ("count", count), ("size", size), ("warmup", warmup),
                        ("outstanding", outstanding), ("seed", seed)):
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{name} {value} is not within 64 bits")
    return _core.TrafficPlan(write, order == "random", iova, window, size, stride or 0, count, warmup, outstanding,
                             seed, pasid)


class Traffic:
    """Operations under way.

    Attributes: done; completed and faults, operations so far; of those after the warm-up: bytes that ended ok, elapsed
    (ps, from the end of the warm-up to the last end), latency (dict of mean, min, p50, p99, p999, max in ps, of those
    that ended ok).
    """

    def __init__(self, platform: Platform, core: _core.Traffic, measured: int):
        self._platform = platform
        self._core = core
        self.measured = measured  #: operations after the warm-up

    @property
    def done(self) -> bool:
        return self._core.done

    @property
    def completed(self) -> int:
        return self._core.completed

    @property
    def faults(self) -> int:
        return self._core.faults

    @property
    def bytes(self) -> int:
        return self._core.bytes

    @property
    def elapsed(self) -> int:
        return self._core.elapsed

    @property
    def latency(self) -> dict:
        return self._core.latency

    @property
    def interval(self) -> float:
        """Picoseconds from one measured operation to the next, in the mean."""
        return self.elapsed / self.measured

    def wait(self) -> Traffic:
        """Runs until all operations have ended. Raises Blocked if nothing can finish them."""
        try:
            self._platform._core.wait_traffic(self._core)
        except Blocked as blocked:
            blocked.handle = self
            raise
        return self

    def __repr__(self) -> str:
        return f"Traffic({self.completed} completed, {self.faults} faults)"
