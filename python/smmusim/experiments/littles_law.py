"""Little's law on the tags of a function: tags = rate x latency, whether the TLB hits or misses."""

from __future__ import annotations

from collections.abc import Iterator

from smmusim.experiments.bare_metal import PAGE, BareMetal, Tables
from smmusim.experiments.bench import Bench, Option, Row

TITLE = "reads under way by rate x latency, against the tags of the function (Little's law)"
UNIT = "reads"
OPTIONS = {"count": Option(20_000, "reads with each number of tags; the first 10 % are not measured")}

IOVA = 0x10_0000_0000
TAGS = (1, 2, 4, 8, 16, 32)


def rows(bench: Bench) -> Iterator[Row]:
    for pages, what in ((1, "TLB hits"), (4096, "TLB misses")):
        for tags in TAGS:
            with bench.platform("virt", **{"endpoint0.tags": tags, "smmu0.tbu0.tlb.entries": 64}) as sim:
                machine = BareMetal(sim)
                tables = Tables(machine, 1)
                tables.map_pages(IOVA, machine.allocate(pages * PAGE, align=PAGE), pages)
                function = sim.endpoints[0]
                machine.set_stream(function.stream_id, tables)
                machine.enable()
                function.config.write(4, 0b110, 2)
                tags = sim.parameters["endpoint0.tags"]
                count = bench.options["count"]
                traffic = function.traffic(IOVA, pages * PAGE, count, warmup=count // 10, outstanding=tags,
                                           seed=bench.seed)
                machine.expect_no_events()
                yield Row(f"{tags} tags, {what}", tags, traffic.latency["mean"] / traffic.interval)
