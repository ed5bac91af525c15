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
