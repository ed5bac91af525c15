"""An MSI from a raw requester to a CPU interface, everything programmed by registers and tables from Python."""

import pytest
from machine import GICD, GICR, ITS, RAM, virt

LPI = 8192
CONFIG, PENDING, DEVICES, COLLECTIONS, COMMANDS, ITT = (RAM + 0x10_0000 * n for n in range(1, 7))


class Its:
    """The ITS and CPU 0's redistributor, as a driver brings them up."""

    def __init__(self, sim):
        self.sim = sim
        self.offset = 0
        write = sim.mmio.write
        write(GICD, 0b10, 4)
        write(GICR + 0x14, 0, 4)
        write(GICR + 0x70, CONFIG | 15, 8)
        write(GICR + 0x78, PENDING | 1 << 62, 8)
        write(GICR, 1, 4)
        write(ITS + 0x100, 1 << 63 | DEVICES | 15, 8)
        write(ITS + 0x108, 1 << 63 | COLLECTIONS, 8)
        write(ITS + 0x80, 1 << 63 | COMMANDS, 8)
        write(ITS + 0x88, 0, 8)
        write(ITS, 1, 4)
        irq = sim.interrupts(0)
        irq.write("ICC_PMR_EL1", 0xF0)
        irq.write("ICC_IGRPEN1_EL1", 1)

    def command(self, *doublewords):
        words = list(doublewords) + [0] * (4 - len(doublewords))
        for index, word in enumerate(words):
            self.sim.memory.write_u64(COMMANDS + self.offset + 8 * index, word)
        self.offset = (self.offset + 32) % 4096

    def ring(self):
        self.sim.mmio.write(ITS + 0x88, self.offset, 8)
        self.sim.run()
        assert self.sim.mmio.read(ITS + 0x90, 8) == self.offset

    def map(self, device, event, intid):
        self.command(0x09, 0, 1 << 63)
        self.command(0x08 | device << 32, 4, 1 << 63 | ITT)
        self.command(0x0A | device << 32, event | intid << 32)
        self.command(0x05)
        self.ring()


@pytest.fixture
def machine():
    with virt() as sim:
        sim.memory.fill(CONFIG, 16, 0xA0 | 0b11)
        yield sim, Its(sim)


def test_a_message_becomes_the_mapped_lpi_of_its_device(machine):
    sim, its = machine
    its.map(device=5, event=3, intid=LPI + 1)
    requester = sim.stream(99, device_id=5)
    assert requester.write(ITS + 0x10040, (3).to_bytes(4, "little")).ok
    sim.run()
    irq = sim.interrupts(0)
    assert irq.pending() == [LPI + 1]
    assert irq.acknowledge() == LPI + 1
    assert irq.acknowledge() == 1023
    irq.end(LPI + 1)
    assert irq.read("ICC_RPR_EL1") == 0xFF
    assert sim.stats["its0.translations"] == 1
    assert sim.stats["its0.table_reads"] == 3 and sim.stats["gicr.property_reads"] == 1


def test_the_device_id_comes_from_the_bus_never_from_the_data(machine):
    sim, its = machine
    its.map(device=5, event=3, intid=LPI + 1)
    message = (3).to_bytes(4, "little")
    assert sim.stream(99, device_id=6).write(ITS + 0x10040, message).ok, "unmapped messages end in silence"
    assert sim.stream(99).write(ITS + 0x10040, message).ok
    sim.run()
    assert sim.interrupts(0).pending() == []


def test_a_masked_priority_holds_the_lpi_until_it_is_allowed(machine):
    sim, its = machine
    its.map(device=5, event=0, intid=LPI)
    irq = sim.interrupts(0)
    irq.write("ICC_PMR_EL1", 0xA0)
    sim.stream(1, device_id=5).write(ITS + 0x10040, bytes(4))
    sim.run()
    assert irq.pending() == []
    irq.write("ICC_PMR_EL1", 0xF0)
    sim.run()
    assert irq.pending() == [LPI]


def test_a_gicv2m_write_raises_the_spi_of_its_data():
    with virt() as sim:
        sim.mmio.write(GICD, 0b10, 4)
        intid = 144
        sim.mmio.write(GICD + 0x80 + 4 * (intid // 32), 1 << intid % 32, 4)
        sim.mmio.write(GICD + 0xC00 + 4 * (intid // 16), 0b10 << 2 * (intid % 16), 4)
        sim.mmio.write(GICD + 0x100 + 4 * (intid // 32), 1 << intid % 32, 4)
        sim.mmio.write(GICR + 0x14, 0, 4)
        irq = sim.interrupts(0)
        irq.write("ICC_PMR_EL1", 0xF0)
        irq.write("ICC_IGRPEN1_EL1", 1)
        assert sim.stream(1).write(0x0802_0040, intid.to_bytes(4, "little")).ok
        sim.run()
        assert irq.pending() == [intid]


def test_an_unknown_register_is_an_error(machine):
    sim, _ = machine
    with pytest.raises(ValueError):
        sim.interrupts(0).read("ICC_NONE_EL1")
    for register in ("ICC_IAR1_EL1", "ICC_HPPIR1_EL1", "ICC_RPR_EL1"):
        with pytest.raises(ValueError, match="writable"):
            sim.interrupts(0).write(register, 0)
    for register in ("ICC_EOIR1_EL1", "ICC_DIR_EL1", "ICC_SGI1R_EL1"):
        with pytest.raises(ValueError, match="readable"):
            sim.interrupts(0).read(register)
    with pytest.raises(ValueError):
        sim.interrupts(9)
