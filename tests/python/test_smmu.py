"""Stalls, hardware updates, ATS, PRI and the SMMU's own messages, as a script drives them."""

import pytest
import smmusim

from machine import CDS, RAM, SMMU, STRTAB, Stage1, virt

PAGE = RAM + 0x3000_0000
PRIQ = RAM + 0x6000_0000
STREAM = 8


@pytest.fixture
def sim():
    with virt() as platform:
        yield platform


def set_word(sim, address, bits):
    sim.memory.write_u64(address, sim.memory.read_u64(address) | bits)


def test_a_stalled_access_waits_for_its_resume(sim):
    smmu = Stage1(sim)
    root = smmu.stream(STREAM)
    set_word(sim, CDS + STREAM * 64, 1 << 44)  # CD.S
    smmu.enable()
    handle = sim.stream(STREAM).submit_read(0x1000, 8)
    sim.run()
    assert not handle.done
    (event,) = smmu.records()
    assert (event.name, event.Stall) == ("F_TRANSLATION", 1)
    with pytest.raises(smmusim.Blocked):
        handle.wait()
    smmu.map(root, 0x1000, PAGE)
    smmu.command(0x44 | 1 << 12 | STREAM << 32, event.STAG)
    smmu.ring()
    assert handle.done and handle.result.ok
    assert len(smmu.records()) == 1
    late = sim.stream(STREAM).submit_write(0x5000, b"x")
    sim.run()
    smmu.command(0x45 | STREAM << 32)
    smmu.ring()
    assert late.result.status == "completer_abort"


def test_translate_answers_as_after_a_hardware_update_and_changes_nothing(sim):
    smmu = Stage1(sim)
    root = smmu.stream(STREAM)
    clean = 0xFC3 & ~0x400 | 1 << 51
    leaf = smmu.map(root, 0x1000, PAGE, clean)
    set_word(sim, CDS + STREAM * 64, 1 << 42 | 1 << 43)  # CD.HD, CD.HA
    smmu.enable()
    before = sim.stats["smmu0.walk.updates"]
    assert sim.translate(STREAM, 0x1000, write=True).pa == PAGE
    assert sim.memory.read_u64(leaf) == PAGE | clean
    assert sim.stream(STREAM).write(0x1000, b"data").ok
    sim.run()
    assert sim.memory.read_u64(leaf) == (PAGE | clean | 0x400) & ~0x80
    assert sim.stats["smmu0.walk.updates"] == before + 1
    assert sim.stats["smmu0.trans_table_walk_access"] == 4 + 1


def test_ats_answers_with_translations_and_lets_translated_accesses_pass(sim):
    smmu = Stage1(sim)
    root = smmu.stream(STREAM)
    smmu.map(root, 0x1000, PAGE)
    smmu.map(root, 0x2000, PAGE + 0x5000, 0xFC3)
    smmu.enable()
    stream = sim.stream(STREAM)
    assert stream.read(0x1000, 8, at="request").status == "unsupported_request"
    sim.run()
    assert smmu.records()[-1].name == "F_BAD_ATS_TREQ"
    set_word(sim, STRTAB + STREAM * 64 + 8, 1 << 28)  # EATS = 01
    smmu.command(0x03 | STREAM << 32, 1)
    smmu.command(0x46)
    smmu.ring()
    answer = stream.read(0x1000, 0x3000, at="request")
    assert answer.ok and answer.data is None
    assert answer.translations == [
        (0x1000, PAGE, 4096, True, True, False, False, False),
        (0x2000, PAGE + 0x5000, 4096, True, False, False, False, False),
        (0x3000, 0x3000, 4096, False, False, False, False, False),
    ]
    assert sim.translate(STREAM, 0x1000, at="request").translations == answer.translations[:1]
    sim.memory.write(PAGE, b"translated")
    assert stream.read(PAGE, 10, at="translated").data == b"translated"
    with pytest.raises(ValueError):
        stream.write(0x1000, b"x", at="request")
    with pytest.raises(ValueError):
        stream.read(0x1000, 8, at="elsewhere")

    smmu.command(0x40 | STREAM << 32, 0x1000 | 1)
    smmu.command(0x46)
    smmu.ring()
    assert stream.invalidations == [(0x0, 8192, None, False)]


def test_a_page_request_is_answered_by_software(sim):
    smmu = Stage1(sim)
    smmu.stream(STREAM)
    sim.mmio.write(SMMU + 0xC0, PRIQ | 4, 8)
    smmu.enable()
    stream = sim.stream(STREAM)
    refused = stream.page_request(0x7000)
    sim.run()
    assert refused.done and refused.result.code == 15  # nobody listens yet
    sim.mmio.write(SMMU + 0x20, 0b1111, 4)
    sim.run()
    asked = stream.page_request(0x7123, write=True, group=5)
    sim.run()
    assert not asked.done and asked.result is None
    low, high = sim.memory.read_u64(PRIQ), sim.memory.read_u64(PRIQ + 8)
    assert (low, high) == (STREAM | 1 << 60 | 1 << 61 | 1 << 62, 0x7000 | 5)
    smmu.command(0x41 | STREAM << 32, 5 | 0b10 << 12)
    smmu.ring()
    assert asked.done and asked.result.code == 0
    assert stream.page_request(0x8000, last=False).result.code is None


def test_completion_of_a_sync_arrives_as_a_write_to_memory(sim):
    smmu = Stage1(sim)
    smmu.stream(STREAM)
    smmu.enable()
    smmu.command(0x46 | 1 << 12 | 0xCAFE << 32, PAGE >> 2 << 2)
    smmu.ring()
    assert int.from_bytes(sim.memory.read(PAGE, 4), "little") == 0xCAFE


def test_features_switched_off_are_absent_everywhere():
    overrides = {f"smmu0.IDR0.{name}": 0 for name in ("ATS", "HTTU", "MSI", "SEV", "ATOS")}
    with virt(**overrides, **{"smmu0.IDR0.STALL_MODEL": 1}) as sim:
        idr0 = sim.smmus[0].registers["IDR0"]
        assert idr0 >> 10 & 1 == 0 and idr0 >> 16 & 1 == 0, "PRI goes with ATS"
        assert sim.smmus[0].registers["IDR5"] >> 16 == 0
        smmu = Stage1(sim)
        smmu.stream(STREAM)
        set_word(sim, CDS + STREAM * 64, 1 << 43)
        smmu.enable()
        assert sim.stream(STREAM).read(0x1000, 4).status == "completer_abort"
        sim.run()
        assert smmu.records()[-1].name == "C_BAD_CD"
        smmu.command(0x44)
        smmu.ring()
        assert sim.smmus[0].registers["CMDQ_CONS"] >> 24 == 1, "CERROR_ILL"
    with pytest.raises(smmusim.ConfigError, match="IDR0.PRI"):
        virt(**{"smmu0.IDR0.ATS": 0, "smmu0.IDR0.PRI": 1})


def test_look_ups_of_the_configuration_and_ipa_caches_are_counted():
    """A nested stream: stage 2 maps the first GiBs as they are."""
    with virt(**{"smmu0.tcu.ipa_cache.entries": 64, "smmu0.tcu.walk_cache.entries": 0}) as sim:
        smmu = Stage1(sim)
        root = smmu.stream(STREAM)
        for page in range(2):
            smmu.map(root, 0x1000 * (1 + page), PAGE + 0x1000 * page)
        second, blocks = smmu.table(), smmu.table()
        sim.memory.write_u64(second, blocks | 3)
        sim.memory.write_u64(blocks + 8, RAM | 0x7FD)
        ste = STRTAB + STREAM * 64
        set_word(sim, ste, 0b111 << 1)
        smmu.words(ste + 16, 16 << 32 | 2 << 38 | 5 << 48 | 1 << 51 | 1 << 58, second)
        smmu.enable()
        stream = sim.stream(STREAM)
        found = []
        for page in range(2):
            assert stream.read(0x1000 * (1 + page), 8).ok
            found.append([sim.stats[f"smmu0.{cache}_cache.{end}"] for cache in ("ste", "cd", "ipa")
                          for end in ("hits", "misses")])
        # Stage 2 is asked for the descriptor, four tables, and the page: one block translates them all.
        assert found == [[0, 1, 0, 1, 5, 1], [1, 1, 1, 1, 10, 1]]
