"""Unloaded latency of a translation in the machine of gem5's defaults, beside the closed form."""

from __future__ import annotations

from collections.abc import Iterator

from smmusim.experiments.bare_metal import BareMetal, Tables, tlbi_nh_va
from smmusim.experiments.bench import Bench, Row

TITLE = "unloaded time in the SMMU with the defaults of gem5's model, against their sum"
UNIT = "ns"
OPTIONS: dict = {}

STREAM = 1
ASID = 1
TARGET = 0x0000_1234_5000
SHIFTS = (39, 30, 21, 12)


def time_of(sim, stream, address: int) -> int:
    """Picoseconds of a read that begins with a cycle."""
    sim.run()
    period = 1_000_000
    sim.run(period - sim.now % period)
    result = stream.read(address, 8)
    if not result.ok:
        raise RuntimeError(f"the read of {address:#x} ended with {result.status}")
    return result.latency


def bare_read(bench: Bench) -> int:
    """The same read on a machine without an SMMU: what is not the SMMU's."""
    settings = {path: value for path, value in bench.settings.items() if not path.startswith("smmu")}
    alone = Bench(bench.options, settings, bench.seed)
    with alone.platform("virt", smmu_count=0) as sim:
        return time_of(sim, sim.stream(STREAM), sim.memory.base)


def closed_form(levels_looked_at: int, reads: int, memory: float) -> float:
    """In cycles of 1 ns: look-ups of both TLBs, the way to the SMMU, its configuration cache, walk caches one level
    after the other, a cycle, each read with a cycle before and after it, the way back, a cycle."""
    return 1 + 3 + 8 + 3 + 4 * levels_looked_at + 1 + reads * (1 + memory + 1) + 8 + 1


def rows(bench: Bench) -> Iterator[Row]:
    bare = bare_read(bench)
    memory = bare / 1000
    with bench.platform("gem5-default") as sim:
        machine = BareMetal(sim)
        tables = Tables(machine, 1)
        page = machine.allocate()
        # The target, and a page that shares its tables down to each level.
        beside = {level: TARGET + (1 << SHIFTS[level + 1]) for level in range(3)}
        others = 64 * 4096
        for address in (TARGET, *beside.values(), *(TARGET + others + n * 4096 for n in range(32))):
            tables.map(address, page)
        machine.set_stream(STREAM, tables, asid=ASID)
        machine.enable()
        stream = sim.stream(STREAM)

        def beyond_memory(address: int = TARGET) -> float:
            return (time_of(sim, stream, address) - bare) / 1000

        time_of(sim, stream, TARGET)  # fills
        yield Row("micro TLB hit", 1 + 1, beyond_memory())
        for number in range(32):  # the micro TLB has as many entries
            time_of(sim, stream, TARGET + others + number * 4096)
        yield Row("main TLB hit", 1 + 3 + 1, beyond_memory())
        for level in (2, 1, 0, None):
            # Leaf = 0: the tables of the walk caches go with the translation.
            machine.execute(tlbi_nh_va(ASID, TARGET), *(tlbi_nh_va(ASID, other) for other in beside.values()))
            looked_at, reads = 3, 4
            if level is not None:
                time_of(sim, stream, beside[level])
                looked_at, reads = 3 - level, 3 - level
            known = "nothing" if level is None else f"level {level}"
            yield Row(f"miss, walk caches know {known}: {reads} reads", closed_form(looked_at, reads, memory),
                      beyond_memory())
        machine.expect_no_events()
