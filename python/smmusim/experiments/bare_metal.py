"""An SMMU driven without an operating system: registers by MMIO, tables by the backdoor, placed as an experiment wants.

Bit positions are those of IHI 0070 and DDI 0487.
"""

from __future__ import annotations

import struct

import smmusim
from smmusim.experiments.bench import BadInput

PAGE = 4096
#: Leaf of stage 1: valid page, access flag, inner shareable, EL0 may read and write, not global, MAIR index 0.
_STAGE1_LEAF = 1 << 11 | 1 << 10 | 0b11 << 8 | 1 << 6 | 0b01
#: Leaf of stage 2: valid page, access flag, inner shareable, read and write, normal write-back memory.
_STAGE2_LEAF = 1 << 10 | 0b11 << 8 | 0b11 << 6 | 0b1111 << 2 | 0b01
_SHIFTS = (39, 30, 21, 12)

CMD_SYNC = 0x46


def tlbi_s2_ipa(vmid: int, ipa: int) -> tuple[int, int]:
    return 0x2A | vmid << 32, ipa & ~0xFFF


def tlbi_nh_va(asid: int, address: int, vmid: int = 0) -> tuple[int, int]:
    return 0x12 | vmid << 32 | asid << 48, address & ~0xFFF


TLBI_NSNH_ALL = (0x30, 0)


class Tables:
    """Page tables of 4 KiB granule and four levels.

    Tables are at the addresses that `place(level, address)` names (default: the next free page); `store(address)` tells
    where in memory that is (default: there).
    """

    def __init__(self, machine: BareMetal, stage: int, place=None, store=None):
        self._machine = machine
        self._leaf = _STAGE1_LEAF if stage == 1 else _STAGE2_LEAF
        self._place = place or (lambda level, address: machine.allocate())
        self._store = store or (lambda address: address)
        self.root = self._place(0, 0)
        self._tables: dict[tuple[int, int], int] = {}

    def _table(self, level: int, address: int) -> int:
        """The table of `level` on the path of an address."""
        if level == 0:
            return self.root
        key = level, address >> _SHIFTS[level - 1]
        if key not in self._tables:
            self._tables[key] = self._place(level, address)
            self._entry(level - 1, address, self._tables[key] | 0b11)
        return self._tables[key]

    def _entry(self, level: int, address: int, value: int) -> None:
        table = self._store(self._table(level, address))
        self._machine.sim.memory.write_u64(table + (address >> _SHIFTS[level] & 511) * 8, value)

    def map(self, address: int, output: int, level: int = 3) -> None:
        """One page (level 3) or block of 2 MiB (level 2)."""
        self._entry(level, address, output | self._leaf | (0b10 if level == 3 else 0))

    def map_pages(self, address: int, output: int, count: int) -> None:
        """`count` pages one after the other."""
        while count:
            index = address >> 12 & 511
            run = min(count, 512 - index)
            table = self._store(self._table(3, address))
            entries = struct.pack(f"<{run}Q", *(output + n * PAGE | self._leaf | 0b10 for n in range(run)))
            self._machine.sim.memory.write(table + index * 8, entries)
            address, output, count = address + run * PAGE, output + run * PAGE, count - run


class BareMetal:
    """Stream table, queues and page allocation of smmu0."""

    STREAMS_LOG2 = 12
    COMMANDS_LOG2 = 10

    def __init__(self, sim: smmusim.Platform):
        self.sim = sim
        self.base = sim.parameters["smmu0.base"]
        self._next = sim.memory.base
        self._end = sim.memory.base + sim.memory.size
        self.stream_table = self.allocate(64 << self.STREAMS_LOG2)
        self._commands = self.allocate(16 << self.COMMANDS_LOG2)
        self._events = self.allocate(32 << 7)
        self._producer = 0

    def allocate(self, size: int = PAGE, align: int | None = None) -> int:
        """Physical memory, zero, aligned to its size unless told otherwise."""
        align = align or size
        address = (self._next + align - 1) // align * align
        if address + size > self._end:
            raise BadInput("the machine has not enough memory for this experiment; raise memory.size")
        self._next = address + size
        return address

    def _words(self, address: int, *words: int) -> None:
        self.sim.memory.write(address, struct.pack(f"<{len(words)}Q", *words))

    def set_stream(self, stream: int, stage1: Tables | None = None, stage2: Tables | None = None,
                   descriptor_at: int | None = None, asid: int = 1, vmid: int = 0) -> None:
        """The entry of a stream; without tables it bypasses. `descriptor_at`: address of the context descriptor as the
        SMMU sees it; it must be that of memory unless the stream is nested, where the caller writes it."""
        config = 0b100 | (1 if stage1 else 0) | (2 if stage2 else 0)
        words = [1 | config << 1, 1 << 44, vmid, 0, 0, 0, 0, 0]
        if stage1:
            descriptor = descriptor_at or self.allocate(PAGE)
            if descriptor_at is None:
                self.write_descriptor(descriptor, stage1, asid)
            words[0] |= descriptor
        if stage2:
            # S2T0SZ 16, start at level 0, inner shareable write-back walks, 48 bits of output, AArch64, record faults.
            words[2] |= (16 | 2 << 6 | 0b01 << 8 | 0b01 << 10 | 0b11 << 12 | 5 << 16 | 1 << 19 | 1 << 26) << 32
            words[3] = stage2.root
        self._words(self.stream_table + stream * 64, *words)

    def write_descriptor(self, address: int, stage1: Tables, asid: int = 1) -> None:
        """A context descriptor: T0SZ 16, TTB1 off, inner shareable write-back walks, 48 bits, AArch64, report aborts."""
        walks = 0b01 << 8 | 0b01 << 10 | 0b11 << 12
        low = 16 | walks | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 1 << 45 | 1 << 46 | asid << 48
        self._words(address, low, stage1.root, 0, 0xFF, 0, 0, 0, 0)

    def enable(self) -> None:
        """Table, queues, SMMUEN."""
        write = self.sim.mmio.write
        write(self.base + 0x28, 0b01 << 10 | 0b01 << 8 | 0b11 << 4 | 0b0101, 4)  # CR1: write-back, inner shareable
        write(self.base + 0x2C, 0b10, 4)  # CR2.RECINVSID
        write(self.base + 0x80, self.stream_table, 8)
        write(self.base + 0x88, self.STREAMS_LOG2, 4)
        write(self.base + 0x90, self._commands | self.COMMANDS_LOG2, 8)
        write(self.base + 0xA0, self._events | 7, 8)
        write(self.base + 0x20, 0b1101, 4)
        self.sim.run()

    def execute(self, *commands: tuple[int, int]) -> int:
        """Queues commands and a CMD_SYNC, rings the doorbell, runs until all is done; returns the ps from the doorbell's
        arrival to the end."""
        entries = 1 << self.COMMANDS_LOG2
        if len(commands) >= entries:
            raise ValueError(f"the queue holds {entries - 1} commands and a CMD_SYNC")
        for low, high in (*commands, (CMD_SYNC, 0)):
            self._words(self._commands + (self._producer % entries) * 16, low, high)
            self._producer = (self._producer + 1) % (2 * entries)
        self.sim.mmio.write(self.base + 0x98, self._producer, 4)
        began = self.sim.now
        self.sim.run()
        return self.sim.now - began

    def start_of_cycle(self) -> None:
        """Runs to where cycles of every round clock begin together: a measurement then starts on an edge."""
        period = 1_000_000
        self.sim.run(period - self.sim.now % period)

    def expect_no_events(self) -> None:
        if self.sim.events:
            raise RuntimeError(f"the experiment is set up wrongly: {self.sim.events[0]}")
