"""Performance monitor counter groups as a script programs them, and their interrupts at the GIC."""

import pytest
import smmusim

from machine import GICD, GICR, RAM, Stage1, virt

TCU, TBU = 0x0B20_0000, 0x0B22_0000
EVCNTR, EVTYPER, SMR, CNTENSET, INTENSET, OVSCLR = 0x000, 0x400, 0xA00, 0xC00, 0xC40, 0xC80
CFGR, CR, IRQ_CTRL = 0xE00, 0xE04, 0xE50
SPAN = 1 << 29
STREAM, PAGE = 8, RAM + 0x3000_0000


def configure(sim, group, counter, event, stream=None, value=0):
    sim.mmio.write(group + EVTYPER + 4 * counter, event | (SPAN if stream is None else 0), 4)
    sim.mmio.write(group + SMR + 4 * counter, 0xFFFF_FFFF if stream is None else stream, 4)
    sim.mmio.write(group + EVCNTR + 8 * counter, value, 8)


def start(sim, group):
    sim.mmio.write(group + CNTENSET, 0xFF, 8)
    sim.mmio.write(group + CR, 1, 4)


def value(sim, group, counter):
    return sim.mmio.read(group + EVCNTR + 8 * counter, 8)


def test_counts_equal_the_statistics_of_the_same_name():
    names = ["tcu.transaction", "tcu.tlb_miss", "config_cache_miss", "trans_table_walk_access", "config_struct_access"]
    with virt() as sim:
        smmu = Stage1(sim)
        root = smmu.stream(STREAM)
        for page in range(8):
            smmu.map(root, page << 12, PAGE + (page << 12))
        smmu.enable()
        for event, _ in enumerate(names, 1):
            configure(sim, TCU, event, event)
        configure(sim, TBU, 0, 1)
        configure(sim, TBU, 1, 2)
        configure(sim, TBU, 2, 1, stream=STREAM + 1)
        start(sim, TCU)
        start(sim, TBU)
        for page in [0, 1, 0, 5, 6, 5, 12]:  # the last one is not mapped
            sim.stream(STREAM).read(page << 12, 64)
        sim.stream(STREAM + 1).read(0, 64)  # no such stream
        sim.run()
        for event, name in enumerate(names, 1):
            assert value(sim, TCU, event) == sim.stats["smmu0." + name] > 0, name
        assert value(sim, TBU, 0) == sim.stats["smmu0.transaction"] == 8
        assert value(sim, TBU, 1) == sim.stats["smmu0.tlb_miss"]
        assert value(sim, TBU, 2) == 1


def test_an_overflow_of_cycles_interrupts_a_cpu():
    with virt() as sim:
        write = sim.mmio.write
        write(GICD, 0b10, 4)
        write(GICD + 0x80 + 4, 0b11 << 16, 4)  # INTIDs 48 and 49: group 1,
        write(GICD + 0xC00 + 12, 0b1010, 4)  # edges,
        write(GICD + 0x100 + 4, 0b11 << 16, 4)  # enabled
        write(GICR + 0x14, 0, 4)
        irq = sim.interrupts(0)
        irq.write("ICC_PMR_EL1", 0xF0)
        irq.write("ICC_IGRPEN1_EL1", 1)
        for group, intid in ((TCU, 48), (TBU, 49)):
            configure(sim, group, 0, 0, value=2**64 - 5000)
            write(group + INTENSET, 1, 8)
            write(group + IRQ_CTRL, 1, 4)
            start(sim, group)
            sim.run(4_000_000)
            assert irq.pending() == []
            sim.run(2_000_000)
            assert irq.acknowledge() == intid
            irq.end(intid)
            assert sim.mmio.read(group + OVSCLR, 8) == 1
        assert sim.stats["smmu0.pmcg0.overflows"] == sim.stats["smmu0.pmcg1.interrupts"] == 1


def test_groups_are_as_configured():
    overrides = {"smmu0.pmcg.counters": 4, "smmu0.pmcg.counter_bits": "32", "smmu0.pmcg.filter": "group",
                 "smmu0.pmcg.capture": False, "smmu0.pmcg.base": 0x0C00_0000}
    with virt(**overrides) as sim:
        assert sim.mmio.read(0x0C00_0000 + CFGR, 4) == 3 | 31 << 8 | 1 << 21 | 1 << 23
        with pytest.raises(smmusim.BusError):
            sim.mmio.read(TCU + CFGR, 4)
    with virt(**{"smmu0.pmcg.present": False}) as sim, pytest.raises(smmusim.BusError):
        sim.mmio.read(TCU + CFGR, 4)


def test_a_wire_that_another_has_is_refused():
    with pytest.raises(smmusim.ConfigError, match="smmu0.interrupts.pmcg"):
        virt(**{"smmu0.interrupts.pmcg": 106})
    virt(**{"smmu0.interrupts.pmcg": 106, "smmu0.interrupts.pmcg_count": 0}).close()
