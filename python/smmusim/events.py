"""Event records of the SMMU (IHI 0070, chapter 7)."""

from __future__ import annotations

from smmusim import _core


class Event:
    """One decoded record.

    Attributes: number, name, record (32 bytes) and the fields by the manual's names as integers in raw encoding:
    StreamID, SSV, SubstreamID, Reason, STAG, Stall, PnU, InD, RnW, NSIPA, S2, CLASS (0 CD, 1 TTD, 2 IN), InputAddr,
    IPA, FetchAddr, TTRnW. Addresses are addresses with their low bits zero; a field that the event lacks is 0.

    Raises ValueError if `record` has not 32 bytes.
    """

    def __init__(self, record: bytes):
        self.record = bytes(record)
        self._fields = _core.event_fields(self.record)
        self.number = self.record[0]
        self.name = _core.event_name(self.number)

    def __getattr__(self, name: str) -> int:
        fields = self.__dict__.get("_fields", {})
        if name in fields:
            return int(fields[name])
        raise AttributeError(f"an event has no field {name!r}")

    def __dir__(self):
        return sorted({*super().__dir__(), *self._fields})

    def __eq__(self, other) -> bool:
        return isinstance(other, Event) and other.record == self.record

    def __hash__(self) -> int:
        return hash(self.record)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value:#x}" for name, value in self._fields.items() if value)
        return f"Event({self.name}, {shown})"
