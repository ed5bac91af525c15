"""Doorbells of MSIs side by side: who may raise what, what is mapped, what an affinity change does."""

import errno
import pathlib

import pytest
import smmusim
from machine import GICD, ITS, virt

SCENARIOS = pathlib.Path(__file__).resolve().parents[2] / "scenarios"
WINDOW = 0x0800_0000
MACHINES = {
    "its": {},
    "gicv2m": {},
    "mbi": {"gic.mbi.present": True},
    "multiframe": {"gic.multi_frame.present": True},
    "x86": {"gic.message_window.present": True},
}


def boot(sim, controller):
    host = sim.boot(msi_policy="reserved-iova", msi_controller=controller)
    devices = []
    for endpoint in sim.endpoints:
        dom = host.alloc_domain(type="unmanaged")
        dom.alloc_reserved_iova_domain(WINDOW, 1 << 20, "rw", 12)
        dev = host.device(endpoint)
        dom.attach(dev)
        devices.append((endpoint, dom, dev.enable_msix(4)))
    return devices


@pytest.mark.parametrize("controller", MACHINES)
def test_every_vector_arrives_at_its_own_handler(controller):
    with virt(**MACHINES[controller]) as sim:
        ((endpoint, _, irqs),) = boot(sim, controller)
        fired = []
        for index, irq in enumerate(irqs):
            irq.on_fire(lambda index=index: fired.append(index))
        for index in (2, 0, 3, 1, 2):
            endpoint.msi(index)
            sim.run()
        assert fired == [2, 0, 3, 1, 2]
        assert sim.stats["endpoint.00_01_0.msi.delivered"] == 5
        assert sim.events == []


@pytest.mark.parametrize("controller, pages, address", [
    ("its", 1, 0x080F_F040), ("gicv2m", 1, 0x080F_F040), ("mbi", 1, 0x080F_F040), ("multiframe", 2, 0x080F_F040),
    ("x86", 0, 0xFEE0_0000)])
def test_each_doorbell_that_is_translated_is_mapped_once(controller, pages, address):
    with virt(**MACHINES[controller]) as sim:
        ((_, _, irqs),) = boot(sim, controller)
        assert irqs[0].message[0] == address
        assert sim.stats["sw.msi.map_ops"] == sim.stats["sw.msi.mapped_pages"] == pages


@pytest.mark.parametrize("controller, changes", [
    ("its", False), ("gicv2m", False), ("mbi", False), ("multiframe", True), ("x86", True)])
def test_affinity_across_clusters_changes_the_address_only_where_the_doorbell_is_per_cluster(controller, changes):
    with virt(**MACHINES[controller]) as sim:
        ((endpoint, _, irqs),) = boot(sim, controller)
        irq, fired = irqs[0], []
        irq.on_fire(lambda: fired.append(irq.cpu))
        before = irq.message
        for target in (3, 1, 2, 0):
            irq.set_affinity(target)
            endpoint.msi(0)
            sim.run()
            same = not changes or target == 0 or (controller == "multiframe" and target == 1)
            assert (irq.message == before) == same
        assert irq.message == before
        assert fired == [3, 1, 2, 0]
        assert sim.stats["sw.msi.map_ops"] == sim.stats["sw.msi.mapped_pages"], "nothing is mapped by a move"


def test_a_move_within_a_cluster_keeps_the_address():
    with virt(**MACHINES["multiframe"]) as sim:
        ((_, _, irqs),) = boot(sim, "multiframe")
        addresses = []
        for target in (0, 1, 2, 3):
            irqs[0].set_affinity(target)
            addresses.append(irqs[0].message[0])
        assert addresses[0] == addresses[1] != addresses[2] == addresses[3]


@pytest.mark.parametrize("controller", MACHINES)
def test_only_the_its_keeps_forged_messages_from_foreign_interrupts(controller):
    overrides = {**MACHINES[controller], "endpoint1.bdf": "00:02.0"}
    with virt(**overrides) as sim:
        (_, _, victim), (attacker, _, own) = boot(sim, controller)
        fired = []
        for irq in victim:
            irq.on_fire(lambda: fired.append("victim"))
        for irq in own:
            irq.on_fire(lambda: fired.append("attacker"))
        doorbells = {irq.message[0] for irq in own}
        for doorbell in sorted(doorbells):
            for irq in victim:
                assert attacker.dma_write(doorbell, irq.message[1].to_bytes(4, "little")).ok
                sim.run()
        assert ("victim" in fired) == (controller != "its")


def test_without_a_driver_a_frame_believes_whoever_writes():
    with virt() as sim:
        for doorbell, data in ((0x0802_0040, 150), (GICD + 0x40, 151)):
            assert sim.stream(99).write(doorbell, data.to_bytes(4, "little")).ok
        assert sim.mmio.read(GICD + 0x200 + 16, 4) == 0b10 << 22, "of an edge only; the first is a level here"
        assert sim.stream(99, device_id=5).write(ITS + 0x10040, b"\0\0\0\0").ok


@pytest.mark.parametrize("controller", ["mbi", "multiframe", "x86"])
def test_a_doorbell_that_the_machine_has_not_fails_the_boot(controller):
    with virt() as sim, pytest.raises(OSError) as failure:
        sim.boot(msi_controller=controller)
    assert failure.value.errno == errno.ENODEV


def test_a_frame_runs_out_of_vectors():
    with virt(**{"gic.multi_frame.present": True, "gic.multi_frame.count": 3}) as sim:
        host = sim.boot(msi_controller="multiframe")
        dev = host.device(sim.endpoints[0])
        with pytest.raises(OSError) as failure:
            dev.enable_msix(4)
        assert failure.value.errno == errno.ENOSPC
        assert len(dev.enable_msix(3)) == 3


@pytest.mark.parametrize("scenario, refused", [
    ("forged-message-its", False), ("forged-message-v2m", True), ("doorbell-mbi", True), ("doorbell-multiframe", True),
    ("doorbell-window", True)])
def test_assignment_is_refused_where_sources_are_not_isolated(scenario, refused, tmp_path):
    path = SCENARIOS / f"{scenario}.yaml"
    assert smmusim.run(path, out=tmp_path / "allowed").passed
    strict = smmusim.run(path, out=tmp_path / "strict", **{"software.allow_unsafe_interrupts": False})
    assert strict.passed is not refused
    if refused:
        assert "Operation not permitted" in strict.error


def test_memory_cannot_be_mapped_into_the_window(tmp_path):
    scenario = (SCENARIOS / "doorbell-window.yaml").read_text()
    assert "address: 0x50000000" in scenario
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(scenario.replace("address: 0x50000000", "address: 0xFEE00000"))
    result = smmusim.run(wrong, out=tmp_path / "out")
    assert "guest_memory: Invalid argument" in result.error


@pytest.mark.parametrize("overrides, at", [
    ({"gic.mbi.present": True, "gic.mbi.first_spi": 144}, "gic.mbi.first_spi"),
    ({"gic.mbi.present": True, "gic.mbi.count": 300}, "gic.mbi.first_spi"),
    ({"gic.multi_frame.present": True, "gic.multi_frame.first_spi": 100}, "gic.multi_frame.first_spi"),
    ({"gic.message_window.present": True, "gic.message_window.first_spi": 48}, "gic.message_window.first_spi")])
def test_doorbells_share_no_spi(overrides, at):
    with pytest.raises(smmusim.ConfigError, match=at):
        virt(**overrides)
