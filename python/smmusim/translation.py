"""Functional translation: what would happen to an access, and every step on the way."""

from __future__ import annotations

from dataclasses import dataclass

from smmusim.access import entries
from smmusim.events import Event


@dataclass(frozen=True)
class Step:
    """One read, in order of reading.

    kind: L1STD, STE, L1CD, CD, S1 or S2; level (None for configuration); address (PA); ipa (0 without stage 2);
    value: int for 8-byte reads, bytes for STE and CD; size in bytes; reason: None unless this read decided.
    """

    kind: str
    level: int | None
    address: int
    ipa: int
    value: int | bytes
    size: int
    reason: str | None


class Translation:
    """The answer of Platform.translate().

    Attributes: ok, discarded (terminated as RAZ/WI), pa and ipa (None if there is none), attributes (dict of the
    outgoing memory type, shareability and hints), level of the last stage walked, levels = (stage 1 leaf or None,
    stage 2 leaf or None), size: largest span in bytes that one TLB entry may cover, event: what would be written to
    the event queue (None if nothing), fault: the same whatever R, S2R and RECINVSID say, reason: the deciding rule,
    steps: list of Step.
    """

    def __init__(self, answer: dict):
        self.ok: bool = answer["ok"]
        self.discarded: bool = answer["discarded"]
        self.pa: int | None = answer["pa"]
        entry = answer["entry"]
        self.translations = None if entry is None else entries(answer["iova"], entry.to_bytes(8, "little"))
        self.ipa: int | None = answer["ipa"]
        self.attributes: dict | None = answer["attributes"]
        self.level: int | None = answer["level"]
        self.levels: tuple[int | None, int | None] = answer["levels"]
        self.size: int | None = answer["size"]
        self.event: Event | None = Event(answer["event"]) if answer["event"] is not None else None
        self.fault: Event | None = Event(answer["fault"]) if answer["fault"] is not None else None
        self.reason: str | None = answer["reason"]
        self.steps: list[Step] = [Step(**step) for step in answer["steps"]]

    def __repr__(self) -> str:
        if self.ok:
            return f"Translation(pa={self.pa:#x}, {len(self.steps)} reads)"
        return f"Translation({self.fault.name if self.fault else 'aborted silently'}, {len(self.steps)} reads)"
