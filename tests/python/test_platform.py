"""The machine from Python, as the public interface promises it."""

import pytest
import smmusim
from machine import RAM, SMMU, Stage1, virt


def test_a_fresh_machine_is_qemus_virt():
    with virt() as sim:
        assert (sim.memory.base, sim.memory.size) == (RAM, 2 << 30)
        endpoint = sim.endpoints[0]
        assert (endpoint.bdf, endpoint.requester_id, endpoint.stream_id, endpoint.device_id) == ("00:01.0", 8, 8, 8)
        assert sim.smmus[0].registers["GBPA"] == 0x1000
        assert sim.smmus[0].registers["CR0"] == 0
        assert endpoint.config.read(4, 2) & 0b100 == 0, "bus mastering is off"
        assert sim.now == 0


def test_memory_is_zero_until_written_and_refuses_other_addresses():
    with virt() as sim:
        assert sim.memory.read(RAM + 0x1234, 16) == bytes(16)
        sim.memory.write(RAM + 8, b"abc")
        assert sim.memory.read(RAM + 7, 5) == b"\0abc\0"
        sim.memory.write_u64(RAM, 0x1122334455667788)
        assert sim.memory.read_u64(RAM) == 0x1122334455667788
        sim.memory.fill(RAM, 4, 0xAA)
        assert sim.memory.read(RAM, 5) == b"\xaa\xaa\xaa\xaa\x44"
        with pytest.raises(ValueError, match="0x40000000"):
            sim.memory.read(RAM - 1, 1)


def test_mmio_takes_time_and_reaches_registers_ram_and_holes():
    with virt() as sim:
        before = sim.now
        assert sim.mmio.read(SMMU + 0x1C, 4) == 2
        assert sim.now > before
        sim.mmio.write(RAM + 0x100, 0x55, 1)
        assert sim.mmio.read(RAM + 0x100, 8) == 0x55
        assert sim.mmio.read(SMMU + 0x3, 1) == 0, "wrong sizes are RAZ/WI"
        with pytest.raises(smmusim.BusError) as caught:
            sim.mmio.write(0x0700_0000, 1, 4)
        assert (caught.value.address, caught.value.size, caught.value.write) == (0x0700_0000, 4, True)
        assert sim.mmio.read(SMMU + 0x1E, 4) == 0, "misaligned accesses are RAZ/WI"
        assert sim.mmio.read(0x40_1000_0000 + (31 << 15), 4) == 0xFFFF_FFFF, "ECAM without a function reads all ones"
        assert sim.mmio.read(0x40_1000_0000 + (1 << 15), 2) == sim.endpoints[0].config.read(0, 2)
        with pytest.raises(ValueError):
            sim.mmio.read(RAM, 3)


def test_a_raw_requester_bypasses_and_reaches_every_byte():
    with virt() as sim:
        stream = sim.stream(77)
        written = stream.write(RAM + 0x1FFE, b"0123456789")
        assert written.ok and written.data is None and written.latency > 0
        read = stream.read(RAM + 0x1FFE, 10)
        assert read.ok and read.status == "ok" and read.data == b"0123456789" and not read.discarded
        assert stream.read(0x0700_0000, 4).status == "unsupported_request"
        assert sim.stats["smmu0.transaction"] == 5, "an access that crosses 4 KiB is cut there"


def test_submitted_accesses_are_under_way_until_the_machine_runs():
    with virt() as sim:
        handle = sim.stream(1).submit_write(RAM, b"x" * 64)
        assert not handle.done and handle.result is None
        sim.run()
        assert handle.done and handle.result.ok
        assert sim.memory.read(RAM, 64) == b"x" * 64


def test_bus_mastering_off_sends_nothing():
    with virt() as sim:
        result = sim.endpoints[0].dma_read(RAM, 64)
        assert (result.status, result.latency, result.data) == ("unsupported_request", 0, None)
        assert sim.stats["smmu0.transaction"] == 0


def test_an_endpoint_cuts_by_mps_and_masters_the_bus_when_allowed():
    with virt() as sim:
        endpoint = sim.endpoints[0]
        endpoint.config.write(4, 0b110, 2)
        data = bytes(n * 7 & 255 for n in range(5000))
        assert endpoint.dma_write(RAM + 0x10, data).ok
        sim.run()
        assert sim.memory.read(RAM + 0x10, 5000) == data
        assert endpoint.dma_read(RAM + 0x10, 5000).data == data
        assert sim.stats["endpoint.00_01_0.dma.writes"] == 1
        assert sim.stats["endpoint.00_01_0.dma.bytes"] == 10000
        with pytest.raises(ValueError, match="PASID"):
            endpoint.dma_read(RAM, 4, privileged=True)


def test_translation_in_stage_1_is_timed_and_functional_alike():
    with virt() as sim:
        tables = Stage1(sim)
        root = tables.stream(8)
        tables.map(root, 0x1234_5000, RAM + 0x800_0000)
        tables.enable()
        sim.memory.write(RAM + 0x800_0040, b"hello")
        answer = sim.translate(8, 0x1234_5040)
        assert answer.ok and answer.pa == RAM + 0x800_0040 and answer.level == 3 and answer.levels == (3, None)
        assert answer.size == 4096 and answer.event is None and answer.ipa is None
        assert [step.kind for step in answer.steps] == ["STE", "CD", "S1", "S1", "S1", "S1"]
        assert sim.stats["smmu0.transaction"] == 0 and sim.stats["smmu0.config_struct_access"] == 0
        assert sim.stream(8).read(0x1234_5040, 5).data == b"hello"
        assert sim.stats["smmu0.config_struct_access"] == 2
        assert sim.stats["smmu0.trans_table_walk_access"] == 4
        # What the TLB holds, the hardware still uses; a fresh walk sees the change.
        sim.memory.write_u64(tables.leaf, 0)
        assert sim.translate(8, 0x1234_5040, cached=True).ok
        assert sim.translate(8, 0x1234_5040).event.name == "F_TRANSLATION"


def test_a_fault_leaves_one_record_with_the_manuals_fields():
    with virt() as sim:
        tables = Stage1(sim)
        tables.stream(8)
        tables.enable()
        result = sim.stream(8).write(0xABC_DEF0, b"12345678")
        assert result.status == "completer_abort" and result.data is None
        sim.run()
        (event,) = tables.records()
        assert (event.number, event.name, event.StreamID, event.RnW) == (0x10, "F_TRANSLATION", 8, 0)
        assert (event.InputAddr, event.S2, event.CLASS) == (0xABC_DEF0, 0, 2)
        assert sim.events == [event]
        assert sim.translate(8, 0xABC_DEF0, write=True).event == event


def test_a_table_that_points_into_a_hole_is_an_event_and_the_machine_goes_on():
    with virt() as sim:
        tables = Stage1(sim)
        root = tables.stream(8)
        sim.memory.write_u64(root, 0x0700_0000 | 3)
        tables.enable()
        assert sim.stream(8).read(0x1000, 4).status == "completer_abort"
        sim.run()
        (event,) = tables.records()
        assert (event.name, event.CLASS, event.FetchAddr, event.S2) == ("F_WALK_EABT", 1, 0x0700_0000, 0)
        tables.map(tables.stream(9, asid=2), 0x1000, RAM + 0x800_0000)
        assert sim.stream(9).read(0x1000, 4).ok


def test_an_access_of_no_bytes_is_refused():
    with virt() as sim:
        with pytest.raises(ValueError):
            sim.stream(1).read(RAM, 0)
        with pytest.raises(TypeError):
            sim.stream(1).read(RAM, "4")


def test_wrong_arguments_are_refused_before_anything_happens():
    with virt() as sim:
        top = sim.memory.base + sim.memory.size
        outside = [lambda: sim.memory.read(-1, 1), lambda: sim.memory.read(1 << 64, 1), lambda: sim.memory.read(top, 1),
                   lambda: sim.memory.write(top - 1, b"xy"), lambda: sim.memory.fill(top - 4, 5, 0)]
        for call in outside:
            with pytest.raises(ValueError, match="0x40000000 to 0xbfffffff"):
                call()
        assert sim.memory.read(top - 1, 1) == b"\0" and sim.memory.read(RAM, 0) == b""
        for call in (lambda: sim.memory.read(RAM, -1), lambda: sim.memory.write_u64(RAM, -1),
                     lambda: sim.memory.write_u64(RAM, 1 << 64), lambda: sim.memory.fill(RAM, 1, 256),
                     lambda: sim.endpoints[0].config.write(4, 1 << 16, 2), lambda: sim.mmio.write(RAM, 256, 1),
                     lambda: sim.stream(1, secure=True), lambda: sim.stream(1, substream_id=1 << 20)):
            with pytest.raises(ValueError):
                call()
        for call in (lambda: sim.memory.write(RAM, 5), lambda: sim.stream(1).write(RAM, 5),
                     lambda: sim.endpoints[0].submit_write(RAM, 5), lambda: sim.memory.write(RAM, "text")):
            with pytest.raises(TypeError):
                call()
        assert sim.now == 0


def test_reset_drops_work_and_keeps_memory_and_time():
    with virt() as sim:
        tables = Stage1(sim)
        tables.enable()
        handle = sim.stream(1).submit_read(RAM, 64)
        sim.memory.write(RAM, b"stays")
        before = sim.now
        sim.reset()
        assert handle.done and handle.result.status == "timeout"
        assert sim.smmus[0].registers["CR0"] == 0 and sim.now == before
        assert sim.memory.read(RAM, 5) == b"stays"
        sim.reset(clear_memory=True)
        assert sim.memory.read(RAM, 5) == bytes(5)


def test_wrong_parameters_name_the_nearest():
    with pytest.raises(smmusim.ConfigError, match="tlb"):
        virt(**{"smmu0.tbu0.tbl.entries": 4})
    with pytest.raises(smmusim.ConfigError):
        virt(**{"memory.size": "2 parsecs"})
    with pytest.raises(smmusim.ConfigError):
        smmusim.Platform("presets/none.yaml")


def test_parameters_and_statistics_are_by_dotted_path():
    with virt(**{"smmu0.tbu0.tlb.entries": 512, "memory.latency": "50ns"}) as sim:
        assert sim.parameters["smmu0.tbu0.tlb.entries"] == 512
        assert sim.parameters["memory.latency"] == 50_000
        assert "smmu0.transaction" in sim.stats
        with pytest.raises(KeyError, match="smmu0.transaction"):
            sim.stats["smmu0.transactions"]


def test_two_machines_alive_together_have_the_digest_of_one_alone():
    def work(sim):
        stream = sim.stream(3)
        for n in range(20):
            stream.write(RAM + n * 64, bytes([n]) * 64)
        return sim.digest

    with virt() as alone:
        expected = work(alone)
    with virt() as first, virt() as second:
        first.stream(9).read(RAM, 4)
        assert work(second) == expected
        assert first.digest != expected


def test_event_decodes_any_32_bytes():
    record = bytearray(32)
    record[0] = 0x13
    record[13] = 0x02
    event = smmusim.Event(bytes(record))
    assert event.name == "F_PERMISSION" and event.CLASS == 2
    with pytest.raises(ValueError):
        smmusim.Event(b"short")
    with pytest.raises(AttributeError):
        event.NoSuchField


def test_a_machine_without_smmu_is_a_baseline():
    with virt(smmu_count=0) as sim:
        assert sim.smmus == []
        assert sim.stream(5).write(RAM, b"direct").ok
        host = sim.boot()
        dev = host.device(sim.endpoints[0])
        assert dev.domain is None
        (irq,) = dev.enable_msix(1)
        sim.endpoints[0].msi(0)
        sim.run()
        assert irq.fired == 1
        with pytest.raises(OSError):
            host.alloc_domain()
