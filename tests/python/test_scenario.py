"""Scenario files from Python."""

import pathlib
import signal

import pytest
import smmusim

MAIN_JOB = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "kvm-msi-passthrough.yaml"


def test_the_main_job_passes_with_one_digest(tmp_path):
    first = smmusim.run(MAIN_JOB, out=tmp_path / "first")
    second = smmusim.run(MAIN_JOB, out=tmp_path / "second")
    assert first.passed and second.passed and first.digest == second.digest
    assert first.stats["endpoint.00_01_0.msi.delivered"] == 352
    assert (first.folder / "stats.json").exists() and all(verdict["passed"] for verdict in first.verdicts)


def test_overrides_count_and_a_failed_expectation_is_no_exception(tmp_path):
    slow = smmusim.run(MAIN_JOB, out=tmp_path, **{"memory.latency": "1us"})
    assert not slow.passed
    assert slow.stats["smmu0.walk.latency_ns.p50"] > 4000


def test_mistakes_have_their_place(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x\nplatform: {base: presets/virt.yaml, memry: {latency: 1ns}}\nrun: {steps: [boot]}\n")
    with pytest.raises(smmusim.ConfigError, match="memory") as caught:
        smmusim.run(wrong, out=tmp_path)
    assert (caught.value.file, caught.value.line, caught.value.column) == (str(wrong), 2, 37)
    with pytest.raises(smmusim.ConfigError) as caught:
        smmusim.run(tmp_path / "none.yaml", out=tmp_path)
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "none.yaml"), None)
    assert not (tmp_path / "x").exists()


def test_a_signal_ends_a_scenario(tmp_path):
    long = tmp_path / "long.yaml"
    long.write_text("""
name: long
platform: {base: presets/virt.yaml}
devices: [{name: nic}]
run:
  wall_limit: 60s
  steps:
    - boot
    - guest: {name: vm}
    - attach: {guest: vm, device: nic}
    - guest_memory: {guest: vm, name: buffer, address: 0x50000000, size: 256KiB}
    - dma: {device: nic, buffer: buffer, direction: alternate, size: 256B, stride: 2KiB, passes: 100000}
""")
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            smmusim.run(long, out=tmp_path)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not (tmp_path / "long" / "run.json").exists(), "it did not run to its end"
