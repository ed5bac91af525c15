"""With every access missing, the time between two translations is the time of a walk divided by the walk slots."""

from __future__ import annotations

from collections.abc import Iterator

from smmusim.experiments.bare_metal import PAGE, BareMetal, Tables
from smmusim.experiments.bench import Bench, Option, Row

TITLE = "time between translations when walk slots are the limit, against walk time / slots"
UNIT = "ns"
OPTIONS = {"count": Option(20_000, "accesses with each number of slots; the first 10 % are not measured")}

STREAM = 1
IOVA = 0x10_0000_0000
PAGES = 4096
#: Nothing is cached; more accesses under way than slots.
MACHINE = {"smmu0.tbu0.utlb.entries": 0, "smmu0.tbu0.tlb.entries": 0, "smmu0.tcu.walk_cache.entries": 0}
OUTSTANDING = 64


def prepare(sim):
    machine = BareMetal(sim)
    tables = Tables(machine, 1)
    tables.map_pages(IOVA, machine.allocate(PAGES * PAGE, align=PAGE), PAGES)
    machine.set_stream(STREAM, tables)
    machine.enable()
    stream = sim.stream(STREAM)
    assert stream.read(IOVA, 8).ok  # the configuration caches know the stream
    sim.run()
    sim.stats.reset()
    return stream


def rows(bench: Bench) -> Iterator[Row]:
    with bench.platform("virt", **MACHINE) as sim:
        stream = prepare(sim)
        assert stream.read(IOVA + PAGE, 8).ok
        sim.run()
        walk = sim.stats["smmu0.walk.slots_busy"] / 1000
    for slots in (1, 2, 4, 8, 16):
        with bench.platform("virt", **MACHINE, **{"smmu0.tcu.walk_slots": slots}) as sim:
            slots = sim.parameters["smmu0.tcu.walk_slots"]
            count = bench.options["count"]
            # One access to each page after the other: no two of those under way are to one page.
            traffic = prepare(sim).traffic(IOVA, PAGES * PAGE, count, stride=PAGE, order="sequential",
                                           warmup=count // 10, outstanding=OUTSTANDING)
            yield Row(f"{slots} walk slots, {OUTSTANDING} accesses under way", walk / slots, traffic.interval / 1000)
