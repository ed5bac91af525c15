"""What an invalidation costs: commands of the queue alone, and map and unmap by the driver.

Published for a Morello board (MMU-600 class, dma_map_benchmark of Linux). The model fetches and executes one command
after the other. It has no cost for contention between producers, nor for what Linux does besides: the allocator of
IOVAs, the layers above the driver. The figures of map and unmap are those of the driver's own loads, stores and
commands, with the data cache of the CPU as warm as in the benchmark, which maps the same pages again and again.
"""

from __future__ import annotations

from collections.abc import Iterator

from smmusim.experiments.bare_metal import BareMetal, Tables, tlbi_nh_va
from smmusim.experiments.bench import Bench, Row

TITLE = "cost of invalidation: one TLBI, and map and unmap by the driver (Morello, dma_map_benchmark)"
UNIT = "ns"
OPTIONS: dict = {}

STREAM = 1
#: The cores of Morello are derived from the Neoverse N1: 64 KiB of data cache in 4 ways, 4 cycles, 2.5 GHz.
CPU = {"cpu0.cache": {"entries": 1024, "ways": 4}, "cpu0.clock": "2.5GHz"}
MIB = 1024 * 1024
#: Per TLBI of one producer: the difference between unmapping 1 MiB and 4 KiB, for each of 255 pages.
PUBLISHED_TLBI = 83.0
#: (bytes, map, unmap), one thread.
PUBLISHED_CALLS = ((4096, 100.0, 600.0), (MIB, 800.0, 21_200.0))


def one_tlbi(bench: Bench) -> float:
    """Of a long run of commands, without the CMD_SYNC."""
    with bench.platform("mmu600-agilex5") as sim:
        machine = BareMetal(sim)
        machine.set_stream(STREAM, Tables(machine, 1))
        machine.enable()
        few, many = (machine.execute(*(tlbi_nh_va(1, n * 4096) for n in range(count))) for count in (1, 257))
        return (many - few) / 256 / 1000


def calls(bench: Bench, size: int, **machine) -> tuple[float, float, int]:
    """Nanoseconds of map and of unmap of `size` bytes in pages of 4 KiB, once the tables are there, and its TLBIs."""
    with bench.platform("mmu600-agilex5", **CPU, **machine) as sim:
        host = sim.boot()
        domain = host.alloc_domain(type="unmanaged")
        domain.attach(host.device(sim.endpoints[0]))
        iova, pa = 0x10_0000_0000, sim.memory.base + 0x1000_1000
        times = []
        for _ in range(2):
            began = sim.now
            domain.map(iova + 0x1000, pa, size, "rw")
            mapped = sim.now
            domain.unmap(iova + 0x1000, size)
            times.append(((mapped - began) / 1000, (sim.now - mapped) / 1000))
        return *times[-1], sim.stats["sw.iommu.tlbi_cmds"] // 2


def rows(bench: Bench) -> Iterator[Row]:
    yield Row("one TLBI, one producer", PUBLISHED_TLBI, one_tlbi(bench))
    for ranges in (False, True):
        setting = {"smmu0.IDR3.RIL": int(ranges)}
        for size, published_map, published_unmap in PUBLISHED_CALLS:
            name = "4 KiB" if size == 4096 else "1 MiB"
            mapped, unmapped, commands = calls(bench, size, **setting)
            if ranges:
                yield Row(f"unmap {name}, with range invalidation", None, unmapped)
                yield Row(f"unmap {name}, with range invalidation, in TLBI commands", None, commands)
            else:
                yield Row(f"map {name}", published_map, mapped)
                yield Row(f"unmap {name}", published_unmap, unmapped)
