"""The software stack from Python: domains, reserved IOVA windows, interrupts."""

import errno

import pytest
from machine import ITS, RAM, virt

DOORBELL = ITS + 0x10040


@pytest.fixture
def sim():
    with virt() as machine:
        yield machine


def test_before_attach_the_message_is_the_doorbells_physical_address(sim):
    host = sim.boot(msi_policy="reserved-iova")
    dev = host.device(sim.endpoints[0])
    (irq,) = dev.enable_msix(1)
    assert irq.message[0] == DOORBELL
    assert sim.stats["sw.msi.map_ops"] == 0


def test_eight_vectors_share_one_mapping_in_the_window(sim):
    host = sim.boot(msi_policy="reserved-iova")
    dev = host.device(sim.endpoints[0])
    dom = host.alloc_domain(type="unmanaged")
    assert dom.attr("DOMAIN_ATTR_MSI_MAPPING") is True
    dom.alloc_reserved_iova_domain(0x0800_0000, 1 << 20, "rw", 12)
    dom.attach(dev)
    irqs = dev.enable_msix(8)
    assert irqs[0].message[0] == 0x080F_F040
    assert sim.stats["sw.msi.map_ops"] == 1
    assert dom.reserved_bindings == [(DOORBELL & ~0xFFF, 0x080F_F000, 0x1000, 8)]
    fired = []
    for index, irq in enumerate(irqs):
        irq.on_fire(lambda index=index: fired.append(index))
    for index in (3, 0, 7):
        sim.endpoints[0].msi(index)
        sim.run()
    assert fired == [3, 0, 7]
    assert sim.stats["endpoint.00_01_0.msi.delivered"] == 3
    for irq in irqs:
        irq.disable()
    assert dom.reserved_bindings == []
    assert sim.stats["sw.msi.mapped_pages"] == 0


def test_dma_reaches_what_is_mapped_and_nothing_else(sim):
    host = sim.boot(msi_policy="reserved-iova")
    dev = host.device(sim.endpoints[0])
    dom = host.alloc_domain()
    dom.attach(dev)
    dom.map(0x10_0000, RAM + 0x500_0000, 0x4000, "rw")
    endpoint = sim.endpoints[0]
    assert endpoint.dma_write(0x10_0100, b"payload").ok
    assert sim.memory.read(RAM + 0x500_0100, 7) == b"payload"
    assert dom.iova_to_phys(0x10_0100) == RAM + 0x500_0100
    assert dom.unmap(0x10_0000, 0x4000) == 0x4000
    assert endpoint.dma_read(0x10_0100, 7).status == "completer_abort"
    sim.run()
    assert [event.name for event in sim.events] == ["F_TRANSLATION"]


def test_failures_are_errno(sim):
    host = sim.boot(msi_policy="reserved-iova")
    dom = host.alloc_domain()

    def fails(call, *arguments):
        with pytest.raises(OSError) as caught:
            call(*arguments)
        return caught.value.errno

    assert fails(dom.alloc_reserved_iova_domain, 0x0800_0800, 1 << 20, "rw", 12) == errno.EINVAL
    assert fails(dom.alloc_reserved_iova_domain, 0x0800_0000, 0, "rw", 12) == errno.EINVAL
    assert fails(dom.get_reserved_iova, DOORBELL, 4, "w") == errno.EINVAL
    dom.alloc_reserved_iova_domain(0x0800_0000, 0x1000, "w", 12)
    assert fails(dom.alloc_reserved_iova_domain, 0x0900_0000, 1 << 20, "rw", 12) == errno.EEXIST
    assert fails(dom.get_reserved_iova, DOORBELL, 4, "r") == errno.EINVAL
    assert dom.get_reserved_iova(DOORBELL, 4, "w") == 0x0800_0040
    assert fails(dom.get_reserved_iova, 0x0900_0000, 4, "w") == errno.ENOMEM
    dom.put_reserved_iova(DOORBELL)
    dom.free_reserved_iova_domain()
    assert dom.reserved_bindings == []


def test_an_exception_of_a_callback_arrives_where_the_machine_was_run(sim):
    host = sim.boot()
    (irq,) = host.device(sim.endpoints[0]).enable_msix(1)

    def explode():
        raise LookupError("from the handler")

    irq.on_fire(explode)
    sim.endpoints[0].msi(0)
    with pytest.raises(LookupError, match="from the handler"):
        sim.run()


def test_a_reset_ends_the_software_and_its_objects(sim):
    host = sim.boot()
    dev = host.device(sim.endpoints[0])
    dom = host.alloc_domain()
    (irq,) = dev.enable_msix(1)
    dom.map(0x10_0000, RAM + 0x500_0000, 0x1000, "rw")
    sim.reset()
    assert sim.stats["sw.iommu.map_ops"] == 1, "statistics stay"
    again = sim.boot()
    for call in (lambda: host.device(8), lambda: host.alloc_domain(), lambda: dom.map(0x20_0000, RAM, 0x1000, "r"),
                 lambda: dom.attr("DOMAIN_ATTR_MSI_MAPPING"), lambda: dom.reserved_bindings, lambda: dev.domain,
                 lambda: dom.attach(again.device(8)), lambda: dev.enable_msix(1), lambda: irq.message, irq.disable):
        with pytest.raises(ValueError, match="reset"):
            call()
    (irq,) = again.device(sim.endpoints[0]).enable_msix(1)
    sim.endpoints[0].msi(0)
    sim.run()
    assert irq.fired == 1


def test_a_reset_amid_traffic_of_software_drops_all_of_it(sim):
    dev = sim.boot().device(sim.endpoints[0])
    dev.enable_msix(4)
    endpoint = sim.endpoints[0]
    endpoint.config.write(4, 0b110, 2)
    handles = [endpoint.submit_write(RAM, bytes(4096)), endpoint.submit_read(RAM, 4096)]
    handles.append(sim.stream(8).submit_read(RAM, 64))
    for vector in range(4):
        endpoint.msi(vector)
    sim.run(500_000)
    sim.reset()
    assert [handle.result.status for handle in handles] == ["timeout", "timeout", "ok"]
    assert sim.waiting() == ""
    sim.run()


def test_a_vector_of_a_window_before_leaves_the_next_window_alone():
    with virt(endpoint_count=2, **{"endpoint1.bdf": "00:02.0"}) as sim:
        host = sim.boot(msi_policy="reserved-iova")
        first, second = (host.device(endpoint) for endpoint in sim.endpoints)
        dom = host.alloc_domain(type="unmanaged")
        dom.alloc_reserved_iova_domain(0x0800_0000, 1 << 20, "rw", 12)
        dom.attach(first)
        dom.attach(second)
        (old,) = first.enable_msix(1)
        dom.free_reserved_iova_domain()
        dom.alloc_reserved_iova_domain(0x0900_0000, 1 << 20, "rw", 12)
        (new,) = second.enable_msix(1)
        old.disable()
        assert len(dom.reserved_bindings) == 1
        sim.endpoints[1].msi(0)
        sim.run()
        assert new.fired == 1


def test_a_freed_domain_is_gone(sim):
    host = sim.boot()
    dom = host.alloc_domain()
    dom.free()
    for call in (dom.free, lambda: dom.map(0x1000, RAM, 0x1000, "r"), lambda: dom.reserved_bindings):
        with pytest.raises(ValueError, match="freed"):
            call()


def test_objects_of_another_platform_are_refused(sim):
    dom = sim.boot().alloc_domain()
    with virt() as other:
        there = other.boot()
        with pytest.raises(ValueError, match="another platform"):
            dom.attach(there.device(8))
        with pytest.raises(ValueError, match="another platform"):
            there.device(sim.endpoints[0])


def test_objects_of_a_closed_platform_raise():
    with virt() as sim:
        dom = sim.boot().alloc_domain()
    for call in (lambda: dom.reserved_bindings, lambda: dom.attr("DOMAIN_ATTR_MSI_MAPPING"), dom.free):
        with pytest.raises(ValueError, match="closed"):
            call()


@pytest.mark.parametrize("action", ["run", "reset", "close", "boot"])
def test_a_callback_cannot_run_reset_or_close_the_machine(sim, action):
    (irq,) = sim.boot().device(sim.endpoints[0]).enable_msix(1)
    irq.on_fire(getattr(sim, action))
    sim.endpoints[0].msi(0)
    with pytest.raises(RuntimeError, match="callback"):
        sim.run()
    irq.on_fire(None)
    sim.endpoints[0].msi(0)
    sim.run()
    assert irq.fired == 2


def test_a_call_refused_in_a_callback_has_not_begun(sim):
    (irq,) = sim.boot().device(sim.endpoints[0]).enable_msix(1)
    irq.on_fire(irq.disable)
    sim.endpoints[0].msi(0)
    with pytest.raises(RuntimeError):
        sim.run()
    sim.run()
    irq.on_fire(None)
    sim.endpoints[0].msi(0)
    sim.run()
    assert irq.fired == 2


def test_memory_too_small_for_the_software_is_enomem():
    with virt(**{"memory.size": "4KiB"}) as small:
        with pytest.raises(OSError, match="distributor") as caught:
            small.boot()
        assert caught.value.errno == errno.ENOMEM
        with pytest.raises(OSError):
            small.boot()
