"""What an invalidation costs: commands of the queue alone, and map and unmap by the driver, on one CPU and on four.

Published for a Morello board (MMU-600 class, dma_map_benchmark of Linux). The model fetches and executes one command
after the other, whoever has written it. The figures of map and unmap are those of the driver's own loads, stores and
commands, with the data caches of the CPUs as warm as in the benchmark, which maps the same pages again and again. What
Linux does besides has no cost here: the allocator of IOVAs, the layers above the driver.
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
CPUS = {f"cpu{index}.{what}": value for index in range(4)
        for what, value in (("cache", {"entries": 1024, "ways": 4}), ("clock", "2.5GHz"))}
MIB = 1024 * 1024
ROUNDS = 4
#: Per TLBI of one producer: the difference between unmapping 1 MiB and 4 KiB, for each of 255 pages.
PUBLISHED_TLBI = 83.0
#: (threads, bytes, map, unmap)
PUBLISHED_CALLS = ((1, 4096, 100.0, 600.0), (1, MIB, 800.0, 21_200.0), (4, 4096, 100.0, 1000.0),
                   (4, MIB, 1100.0, 45_900.0))


def one_tlbi(bench: Bench) -> float:
    """Of a long run of commands, without the CMD_SYNC."""
    with bench.platform("mmu600-agilex5") as sim:
        machine = BareMetal(sim)
        machine.set_stream(STREAM, Tables(machine, 1))
        machine.enable()
        few, many = (machine.execute(*(tlbi_nh_va(1, n * 4096) for n in range(count))) for count in (1, 257))
        return (many - few) / 256 / 1000


def calls(bench: Bench, threads: int, size: int, **machine) -> tuple[float, float, float]:
    """Nanoseconds of map and of unmap of `size` bytes in pages of 4 KiB, and TLBIs per unmap."""
    with bench.platform("mmu600-agilex5", **CPUS, **machine) as sim:
        host = sim.boot()
        domain = host.alloc_domain(type="unmanaged")
        domain.attach(host.device(sim.endpoints[0]))
        before = sim.stats["sw.iommu.tlbi_cmds"]
        mapped, unmapped = domain.measure_mapping(0x10_0000_1000, sim.memory.base + 0x1000_1000, size, cpus=threads,
                                                  rounds=ROUNDS)
        return mapped, unmapped, (sim.stats["sw.iommu.tlbi_cmds"] - before) / (threads * (ROUNDS + 1))


def rows(bench: Bench) -> Iterator[Row]:
    yield Row("one TLBI, one producer", PUBLISHED_TLBI, one_tlbi(bench))
    for threads, size, published_map, published_unmap in PUBLISHED_CALLS:
        name = f"{'4 KiB' if size == 4096 else '1 MiB'}, {'one thread' if threads == 1 else f'{threads} threads'}"
        mapped, unmapped, _ = calls(bench, threads, size, **{"smmu0.IDR3.RIL": 0})
        yield Row(f"map {name}", published_map, mapped)
        yield Row(f"unmap {name}", published_unmap, unmapped)
    for name, size in (("4 KiB", 4096), ("1 MiB", MIB)):
        _, unmapped, commands = calls(bench, 1, size, **{"smmu0.IDR3.RIL": 1})
        yield Row(f"unmap {name}, with range invalidation", None, unmapped)
        yield Row(f"unmap {name}, with range invalidation, in TLBI commands", None, commands)
