"""Guards of the simulator's speed: instructions of the host per simulated read, counted by callgrind, not timed.

A limit is what was counted when it was set, and 5 %. Lower it when the simulator has become faster. As a program it
prints what it counts.
"""

import os
import re
import subprocess

import pytest

BENCH = os.environ.get("SMMUSIM_BENCH", "build/bin/smmusim_bench")
SHORT, LONG = 600, 1800
LIMITS = {"K1": 3_590, "K2": 14_450, "K3": 46_100}


def counted(workload: str, reads: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               "--toggle-collect=smmusim::bench::DmaMachine::run*", "--toggle-collect=smmusim::bench::RawEvents::run*",
               BENCH, "--run", str(reads), workload]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    return int(re.search(r"Collected : (\d+)", result.stderr)[1])


def per_read(workload: str, short: int = SHORT, long: int = LONG) -> float:
    """What the start of the traffic costs is in both counts."""
    return (counted(workload, long) - counted(workload, short)) / (long - short)


@pytest.mark.parametrize("workload", LIMITS)
def test_a_read_takes_no_more_instructions_than_it_did(workload):
    assert 500 < per_read(workload) <= LIMITS[workload]


def test_outstanding_tags_cost_nothing():
    many = per_read("F1", 4 * 1024, 8 * 1024)
    assert many == pytest.approx(per_read("F1.reference"), rel=0.1)


def test_configured_but_idle_streams_cost_nothing():
    assert per_read("F2", 1200, 2400) == pytest.approx(per_read("F2.reference", 1200, 2400), rel=0.05)


if __name__ == "__main__":
    for name in ["raw", *LIMITS]:
        print(f"{name:4} {per_read(name):8.0f}")
