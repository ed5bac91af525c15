"""Miss ratio of a TLB under random accesses to N pages, against what its entries and its index can hold."""

from __future__ import annotations

from collections.abc import Iterator

from smmusim.experiments.bare_metal import PAGE, BareMetal, Tables
from smmusim.experiments.bench import Bench, Option, Row

TITLE = "miss ratio of the main TLB under random accesses to N pages, against max(0, 1 - E/N)"
UNIT = "1"
OPTIONS = {"count": Option(40_000, "accesses for each case; the first 10 % are not measured")}

STREAM = 1
IOVA = 0x10_0000_0000
ENTRIES, WAYS = 64, 4
SETS = ENTRIES // WAYS


def measure(bench: Bench, pages: int, apart: int, policy: str, index: str) -> float:
    """`apart`: distance of the pages."""
    with bench.platform("virt", **{"smmu0.tbu0.utlb.entries": 0, "smmu0.tbu0.tlb.entries": ENTRIES,
                                   "smmu0.tbu0.tlb.ways": WAYS, "smmu0.tbu0.tlb.policy": policy,
                                   "smmu0.tbu0.tlb.index": index}) as sim:
        machine = BareMetal(sim)
        tables = Tables(machine, 1)
        data = machine.allocate()
        for number in range(pages):
            tables.map(IOVA + number * apart * PAGE, data)
        machine.set_stream(STREAM, tables)
        machine.enable()
        stream = sim.stream(STREAM)
        count = bench.options["count"]
        window = pages * apart * PAGE
        stream.traffic(IOVA, window, max(count // 10, 1), stride=apart * PAGE, seed=bench.seed)
        sim.stats.reset()
        stream.traffic(IOVA, window, count, stride=apart * PAGE, seed=bench.seed + 1)
        machine.expect_no_events()
        statistics = sim.stats.copy()
        return statistics["smmu0.tlb_miss"] / statistics["smmu0.transaction"]


def rows(bench: Bench) -> Iterator[Row]:
    for policy in ("lru", "plru", "round_robin", "random"):
        for pages in (32, 64, 96, 128, 256, 1024):
            # Random accesses hit any entry alike: no policy is better than another.
            expected = max(0.0, 1 - ENTRIES / pages)
            yield Row(f"N {pages}, {policy}, modulo", expected, measure(bench, pages, 1, policy, "modulo"))
    # Xor spreads a run of pages a little unevenly: the rule holds where every set has more pages than ways.
    for pages in (128, 256, 1024):
        yield Row(f"N {pages}, lru, xor", max(0.0, 1 - ENTRIES / pages), measure(bench, pages, 1, "lru", "xor"))
    # Pages as far apart as there are sets: modulo puts them all into one, xor does not.
    for pages in (16, 128, 256):
        one_set = max(0.0, 1 - WAYS / pages)
        yield Row(f"N {pages}, {SETS} apart, lru, modulo", one_set, measure(bench, pages, SETS, "lru", "modulo"))
        yield Row(f"N {pages}, {SETS} apart, lru, xor", max(0.0, 1 - ENTRIES / pages),
                  measure(bench, pages, SETS, "lru", "xor"))
