"""Random DMA reads from a window of 4 KiB pages: how the IOMMU's TLB, walk slots and walk time limit a network card."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from smmusim.experiments.bare_metal import PAGE, BareMetal, Tables
from smmusim.experiments.bench import BadInput, Bench, Option, Row

TITLE = "random DMA reads from a window, IOMMU on (pcie-bench, SIGCOMM 2018, E5-2630 v4, Gen3 x8)"
UNIT = "ns/transaction"
TAKES_DATA = True
OPTIONS = {
    "count": Option(170_000, "transactions at each window; the first 10 % are not measured"),
    "size": Option(64, "bytes of one transaction"),
    "write": Option(0, "1: writes instead of reads"),
    "outstanding": Option(64, "operations that the card has queued; its tags limit what is on the link"),
}

IOVA = 0x100_0000_0000


class Point(NamedTuple):
    name: str
    window: int  #: bytes
    published: float  #: ns per transaction with the IOMMU on


KIB, MIB = 1024, 1024 * 1024
PUBLISHED = [
    Point("4KB", 4 * KIB, 16.32),
    Point("16KB", 16 * KIB, 15.96),
    Point("256KB", 256 * KIB, 15.79),
    Point("512KB", 512 * KIB, 22.92),
    Point("1MB", MIB, 33.70),
    Point("1.5MB", 1536 * KIB, 39.27),
    Point("2MB", 2 * MIB, 42.22),
    Point("3MB", 3 * MIB, 45.36),
    Point("4MB", 4 * MIB, 46.88),
    Point("8MB", 8 * MIB, 49.21),
    Point("16MB", 16 * MIB, 50.45),
    Point("32MB", 32 * MIB, 51.69),
    Point("64MB", 64 * MIB, 52.09),
]


def bytes_of(window: str) -> int:
    match = re.fullmatch(r"([0-9.]+)\s*([KMG]?)i?B", window)
    if not match:
        raise BadInput(f"'{window}' is no window size such as 256KB")
    return int(float(match[1]) * 1024 ** " KMG".index(match[2] or " "))


def read_points(file: Path) -> list[Point]:
    """Columns `window` and `on_ns_per_tx` of a CSV file; others may be there."""
    with file.open(newline="") as stream:
        reader = csv.DictReader(stream)
        for column in ("window", "on_ns_per_tx"):
            if column not in (reader.fieldnames or []):
                raise BadInput(f"{file}: there is no column '{column}'")
        points = []
        for row in reader:
            try:
                points.append(Point(row["window"], bytes_of(row["window"]), float(row["on_ns_per_tx"])))
            except (BadInput, ValueError, TypeError) as error:
                raise BadInput(f"{file}:{reader.line_num}: {error}") from None
    return points


def measure(bench: Bench, window: int) -> float:
    with bench.platform("xeon-bdw-pciebench") as sim:
        machine = BareMetal(sim)
        tables = Tables(machine, 1)
        pages = -(-window // PAGE)
        tables.map_pages(IOVA, machine.allocate(pages * PAGE, align=PAGE), pages)
        card = sim.endpoints[0]
        machine.set_stream(card.stream_id, tables)
        machine.enable()
        card.config.write(4, 0b110, 2)  # memory space, bus master
        count = bench.options["count"]
        traffic = card.traffic(IOVA, window, count, size=bench.options["size"], write=bench.options["write"] != 0,
                               warmup=count // 10, outstanding=bench.options["outstanding"], seed=bench.seed)
        machine.expect_no_events()
        return traffic.interval / 1000


def rows(bench: Bench) -> Iterator[Row]:
    points = PUBLISHED if bench.data is None else read_points(bench.data)
    for point in points:
        yield Row(point.name, point.published, measure(bench, point.window))
