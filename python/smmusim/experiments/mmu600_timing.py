"""How long a miss takes, from the TBU to the details back at the TBU, when no walk cache knows anything."""

from __future__ import annotations

from collections.abc import Iterator

from smmusim.experiments.bare_metal import PAGE, TLBI_NSNH_ALL, BareMetal, Tables
from smmusim.experiments.bench import Bench, Row

TITLE = "time of a TBU miss with cold walk caches (timing example of Arm MMU-600 in Agilex 5)"
UNIT = "ns"
OPTIONS: dict = {}

STREAM = 1
TARGET = 0x0000_1234_5000
#: Pages of a nested walk must not share entries of stage 2: each is the first of its own 512 GiB.
APART = 1 << 39

#: Stage 1 alone: the manual's figure; its parts add up to 322 ns, and to 337 with the way back. Nested: its parts,
#: 15 + 35 + 24 x 68.
PUBLISHED = {"4 reads": 290.0, "24 reads, nested": 1682.0}


def measure(bench: Bench, nested: bool) -> tuple[float, int]:
    """(ns of the miss, reads of its walk)."""
    with bench.platform("mmu600-agilex5") as sim:
        machine = BareMetal(sim)
        second = Tables(machine, 2) if nested else None
        places: dict[int, int] = {}

        def place(*_) -> int:
            if second is None:
                return machine.allocate()
            ipa = (1 + len(places)) * APART
            places[ipa] = machine.allocate()
            second.map(ipa, places[ipa])
            return ipa

        first = Tables(machine, 1, place, lambda address: places.get(address, address))
        first.map(TARGET, place())
        descriptor = place()
        machine.write_descriptor(places.get(descriptor, descriptor), first)
        machine.set_stream(STREAM, first, second, descriptor_at=descriptor)
        machine.enable()
        stream = sim.stream(STREAM)
        assert stream.read(TARGET, 8).ok  # the configuration caches know the stream
        machine.execute(TLBI_NSNH_ALL)
        machine.start_of_cycle()
        sim.stats.reset()
        assert stream.read(TARGET + PAGE // 2, 8).ok
        sim.run()
        machine.expect_no_events()
        statistics = sim.stats.copy()
        return statistics["smmu0.tbu0.miss_latency_ns.max"], statistics["smmu0.walk.reads.max"]


def rows(bench: Bench) -> Iterator[Row]:
    for nested, (case, published) in zip((False, True), PUBLISHED.items()):
        measured, reads = measure(bench, nested)
        if not case.startswith(f"{reads} reads"):
            raise RuntimeError(f"the walk of '{case}' made {reads} reads")
        yield Row(case, published, measured)
