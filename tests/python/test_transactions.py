"""Records of transactions as a script reads them."""

import pytest

from machine import RAM, Stage1, virt

STREAM, PAGE = 8, RAM + 0x3000_0000


def test_stages_of_every_transaction_add_up_to_its_latency():
    with virt(**{"smmu0.tbu0.records_kept": 100}) as sim:
        smmu = Stage1(sim)
        root = smmu.stream(STREAM)
        for page in range(4):
            smmu.map(root, page << 12, PAGE + (page << 12))
        smmu.enable()
        stream = sim.stream(STREAM)
        results = [stream.read(0x1040, 64), stream.write(0x1080, b"payload"), stream.read(0x7000, 8)]
        records = sim.smmus[0].transactions()
        assert [record.input for record in records] == [0x1040, 0x1080, 0x7000]
        assert [record.output for record in records] == [PAGE + 0x1040, PAGE + 0x1080, None]
        assert [record.write for record in records] == [False, True, False]
        assert [record.hit for record in records] == ["miss", "micro", "miss"]
        assert [record.outcome for record in records] == [result.status for result in results]
        assert all(record.stream == STREAM and record.substream is None for record in records)
        for record, result in zip(records, results):
            assert sum(record.stages) == record.latency == result.latency > 0
        assert records[0].stages.walk > 0 == records[1].stages.walk
        assert records[1].stages.downstream > 0 == records[2].stages.downstream


def test_there_are_no_records_unless_asked_for():
    with virt() as sim:
        sim.stream(STREAM).read(PAGE, 8)
        assert sim.smmus[0].transactions() == []
        with pytest.raises(ValueError):
            sim.smmus[0].transactions(tbu=7)


def test_the_use_of_slots_over_time_adds_up_to_the_statistic():
    with virt(**{"smmu0.occupancy_windows": 16, "smmu0.tcu.walk_slots": 3}) as sim:
        smmu = Stage1(sim)
        root = smmu.stream(STREAM)
        for page in range(64):
            smmu.map(root, page << 12, PAGE + (page << 12))
        smmu.enable()
        stream = sim.stream(STREAM)
        operations = [stream.submit_read(page << 12, 8) for page in range(64)]
        sim.run()
        assert all(operation.done for operation in operations)
        uses = sim.smmus[0].occupancy()
        assert list(uses) == ["tcu.walk_slots", "tbu0.translation_slots"]
        for windows in uses.values():
            assert 8 <= len(windows) <= 16
            assert windows[0].start == 0 and windows[-1].end == sim.now
            assert all(before.end == after.start for before, after in zip(windows, windows[1:]))
        walks = uses["tcu.walk_slots"]
        busy = sum(window.mean * (window.end - window.start) for window in walks)
        assert busy == pytest.approx(sim.stats["smmu0.walk.slots_busy"])
        assert max(window.peak for window in walks) == sim.stats["smmu0.walk.slots_peak"] == 3


def test_the_use_of_slots_is_not_kept_unless_asked_for():
    with virt() as sim:
        sim.stream(STREAM).read(PAGE, 8)
        assert sim.smmus[0].occupancy() == {}
