"""Table reads per translation by the deepest level that the walk caches of each stage know."""

from __future__ import annotations

from collections.abc import Iterator

from smmusim.experiments.bare_metal import TLBI_NSNH_ALL, BareMetal, Tables, tlbi_s2_ipa
from smmusim.experiments.bench import Bench, Row

TITLE = "table reads per translation, by what the walk caches know (Arm MMU-600 as integrated in Agilex 5)"
UNIT = "reads"
OPTIONS: dict = {}

#: Rows: what stage 2 knows; columns: what stage 1 knows. One cell of the manual is printed as 1 against its own rule.
PUBLISHED = {
    "4KiB": {
        "columns": ("miss", "L0", "L1", "L2", "L3", "bypass"),
        "miss": (24, 15, 10, 5, 0, 4),
        "L0": (19, 12, 8, 4, 0, 3),
        "L1": (14, 9, 6, 3, 0, 2),
        "L2": (9, 6, 4, 2, 0, 1),
        "L3": (4, 3, 2, 1, 0, 0),
        "bypass": (4, 3, 2, 1, 0, 0),
    },
    "2MiB": {
        "columns": ("miss", "L0", "L1", "L2", "bypass"),
        "miss": (15, 8, 4, 0, 3),
        "L0": (11, 6, 3, 0, 2),
        "L1": (7, 4, 2, 0, 1),
        "L2": (3, 2, 1, 0, 0),
        "bypass": (3, 2, 1, 0, 0),
    },
}

SHIFTS = (39, 30, 21, 12)
UNDER_TEST, STAGE2_ONLY = 1, 2
VMID = 1


def level_of(name: str) -> int:
    """-1 for a miss."""
    return -1 if name == "miss" else int(name[1:])


class Cell:
    """One machine with tables such that, after real accesses, each stage knows just the levels that it should."""

    def __init__(self, sim, leaf: int, stage1: str, stage2: str):
        self.leaf = leaf
        self.stage1 = stage1
        self.stage2 = stage2
        self.machine = BareMetal(sim)
        self.sim = sim
        self.size = 1 << SHIFTS[leaf]
        self.places: dict[int, int] = {}  # memory by intermediate page
        self.under_test: list[int] = []  # intermediate addresses of the walk under test, in order
        self.second = Tables(self.machine, 2) if stage2 != "bypass" else None
        self._elsewhere = 0

    def memory_of(self, ipa: int) -> int:
        """Where an intermediate address lies; stage 2 maps its page or block when it is first asked for."""
        if self.second is None:
            return ipa
        first = ipa & -self.size
        if first not in self.places:
            self.places[first] = self.machine.allocate(self.size)
            self.second.map(first, self.places[first], self.leaf)
        return self.places[first] + ipa - first

    def intermediate(self, tested: bool) -> int:
        """A page for a table or for data. Those of the walk under test share the entries of stage 2 down to the level
        that it shall know, and none below; others lie where they share nothing with them."""
        if self.second is None:
            return self.machine.allocate(self.size)
        if not tested:
            self._elsewhere += 1
            return 100 + self._elsewhere << SHIFTS[0]
        apart = min(level_of(self.stage2) + 1, self.leaf)
        ipa = 2 + len(self.under_test) << SHIFTS[apart]
        self.under_test.append(ipa)
        return ipa

    def tables(self, tested: int) -> Tables:
        """Stage 1; `tested` is the address under test: tables on its path are those of the walk."""
        def place(level: int, address: int) -> int:
            return self.intermediate(level == 0 or (address ^ tested) >> SHIFTS[level - 1] == 0)
        return Tables(self.machine, 1, place, self.memory_of)

    def access(self, stream: int, address: int) -> None:
        result = self.sim.stream(stream).read(address, 8)
        if not result.ok:
            raise RuntimeError(f"stream {stream} cannot read {address:#x}: {result.status}, {self.sim.events}")

    def measure(self) -> int:
        machine = self.machine
        target = neighbour = None
        if self.stage1 == "bypass":
            target = self.intermediate(tested=True)
            self.memory_of(target)
            machine.set_stream(UNDER_TEST, stage2=self.second, vmid=VMID)
        else:
            # The neighbour shares the entries of stage 1 down to the level that shall be known.
            target = 0x0000_1234_4000_0000
            known = level_of(self.stage1)
            neighbour = target if known == self.leaf else target + (1 << SHIFTS[known + 1])
            first = self.tables(target)
            for address in {target, neighbour}:
                data = self.intermediate(tested=address == target)
                first.map(address, data if self.second else machine.allocate(self.size), self.leaf)
                self.memory_of(data)
            descriptor = self.intermediate(tested=False)
            machine.write_descriptor(self.memory_of(descriptor), first)
            machine.set_stream(UNDER_TEST, first, self.second, descriptor_at=descriptor, vmid=VMID)
        if self.second:
            machine.set_stream(STAGE2_ONLY, stage2=self.second, vmid=VMID)
        machine.enable()

        # Configuration, and stage 1 down to the level that shall be known.
        self.access(UNDER_TEST, target if neighbour is None else neighbour)
        if self.stage1 in ("miss", "bypass"):
            machine.execute(TLBI_NSNH_ALL)
        elif self.second:
            machine.execute(*(tlbi_s2_ipa(VMID, ipa) for ipa in self.places))
        # Stage 2, through a stream that has nothing else.
        if self.second and self.stage2 != "miss":
            known = level_of(self.stage2)
            if known == self.leaf:
                for ipa in self.under_test:
                    self.access(STAGE2_ONLY, ipa)
            else:
                beside = 1 << SHIFTS[known + 1]
                self.memory_of(beside)
                self.access(STAGE2_ONLY, beside)
        self.sim.run()

        before = self.reads()
        self.access(UNDER_TEST, target)
        self.sim.run()
        machine.expect_no_events()
        return self.reads() - before

    def reads(self) -> int:
        return self.sim.stats["smmu0.trans_table_walk_access"]


def rows(bench: Bench) -> Iterator[Row]:
    for leaf, size in ((3, "4KiB"), (2, "2MiB")):
        table = PUBLISHED[size]
        for stage2, values in table.items():
            if stage2 == "columns":
                continue
            for stage1, published in zip(table["columns"], values):
                # The TLBs of the TBU are left out: every access reaches the TCU.
                with bench.platform("mmu600-agilex5", **{"smmu0.tbu0.utlb.entries": 0,
                                                          "smmu0.tbu0.tlb.entries": 0}) as sim:
                    measured = Cell(sim, leaf, stage1, stage2).measure()
                yield Row(f"{size} leaves, S1 {stage1}, S2 {stage2}", published, measured)
