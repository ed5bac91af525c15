"""Guards of the simulator's speed: instructions of the host per simulated read, and its accesses to memory that miss a
first-level cache of 32 KiB. Callgrind counts both; nothing is timed.

A limit is what was counted when it was set, and 5 %, or 10 % for misses, which depend on where things lie. Lower it
when the simulator has become faster. As a program it prints what it counts.
"""

import os
import re
import subprocess

import pytest

BENCH = os.environ.get("SMMUSIM_BENCH", "build/bin/smmusim_bench")
SHORT, LONG = 600, 1800
LIMITS = {"K1": 2_355, "K2": 7_140, "K3": 21_970, "L1": 3_165}
MISS_LIMITS = {"K1": 23, "K2": 108, "K3": 196, "L1": 45}


def counted(workload: str, reads: int) -> tuple[int, int]:
    """Instructions, and misses of data."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--cache-sim=yes",
               "--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64",
               "--toggle-collect=smmusim::bench::DmaMachine::run*", "--toggle-collect=smmusim::bench::RawEvents::run*",
               BENCH, "--run", str(reads), workload]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    number = r"\s+([\d,]+)"
    return tuple(int(re.search(what + number, result.stderr)[1].replace(",", ""))
                 for what in ("I +refs:", "D1 +misses:"))


def per_read(workload: str, short: int = SHORT, long: int = LONG) -> tuple[float, float]:
    """What the start of the traffic costs is in both counts."""
    return tuple((more - few) / (long - short)
                 for few, more in zip(counted(workload, short), counted(workload, long)))


@pytest.mark.parametrize("workload", LIMITS)
def test_a_read_takes_no_more_instructions_and_misses_than_it_did(workload):
    instructions, misses = per_read(workload)
    assert 500 < instructions <= LIMITS[workload]
    assert 10 < misses <= MISS_LIMITS[workload]


def test_outstanding_tags_cost_nothing():
    many, _ = per_read("F1", 4 * 1024, 8 * 1024)
    few, _ = per_read("F1.reference")
    assert many == pytest.approx(few, rel=0.1)


def test_configured_but_idle_streams_cost_nothing():
    many, _ = per_read("F2", 1200, 2400)
    few, _ = per_read("F2.reference", 1200, 2400)
    assert many == pytest.approx(few, rel=0.05)


if __name__ == "__main__":
    for name in ["raw", *LIMITS]:
        instructions, misses = per_read(name)
        print(f"{name:4} {instructions:8.0f} instructions {misses:6.0f} misses")
