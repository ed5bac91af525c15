"""What became of the transactions of a TBU, and where their time went."""

from __future__ import annotations

from typing import NamedTuple

from smmusim.access import STATUSES

_DISCARDED = 2


class SlotWindow(NamedTuple):
    """The use of one kind of slots in a window of time: start and end in picoseconds, mean and most slots in use."""

    start: int
    end: int
    mean: float
    peak: int


class Stages(NamedTuple):
    """Picoseconds spent in each stage; their sum is the latency of the transaction.

    look_up: until the TBU accepted it, and its look-ups; translation_slot: waiting for a slot of the TBU towards the
    TCU; link: to the TCU and back; joined: waiting for the walk of another transaction; walk_slot: waiting for a walk
    slot; walk: the rest of the TCU (configuration, walk caches, reads, updates); stalled: waiting for software;
    ordering: translated, behind an earlier write; sending: to the interconnect; downstream: from there to the response.
    """

    look_up: int
    translation_slot: int
    link: int
    joined: int
    walk_slot: int
    walk: int
    stalled: int
    ordering: int
    sending: int
    downstream: int


class Transaction(NamedTuple):
    """One transaction that a TBU has answered.

    substream: None without a PASID; output: None if the SMMU did not let it pass; outcome: a status as of Result, or
    "discarded" (terminated as RAZ/WI); hit: bypass, micro, main, miss or joined, what gave the (last) translation;
    arrived, responded: times in picoseconds.
    """

    stream: int
    substream: int | None
    input: int
    output: int | None
    write: bool
    outcome: str
    hit: str
    arrived: int
    responded: int
    stages: Stages

    @property
    def latency(self) -> int:
        return self.responded - self.arrived


def transaction(record: tuple) -> Transaction:
    """From what the core knows of it."""
    *fields, status, hit, arrived, responded, stages = record
    outcome = "discarded" if status == _DISCARDED else STATUSES[status]
    return Transaction(*fields, outcome, hit, arrived, responded, Stages(**stages))
