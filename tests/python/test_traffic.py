"""Traffic of many operations: all of them are made, those after the warm-up are measured."""

import pytest
import smmusim
from machine import RAM, virt

PRESETS = ("virt", "small", "server", "mmu600-agilex5", "gem5-default", "xeon-bdw-pciebench")


def test_traffic_makes_every_operation_and_measures_those_after_the_warm_up():
    with virt() as sim:
        traffic = sim.stream(1).traffic(RAM, 1 << 20, 1000, warmup=100, outstanding=8)
        assert traffic.done and traffic.completed == 1000 and traffic.faults == 0
        assert traffic.bytes == 900 * 64
        assert sim.stats["smmu0.transaction"] == 1000
        assert traffic.latency["min"] <= traffic.latency["p50"] <= traffic.latency["max"]
        assert traffic.interval == pytest.approx(traffic.latency["mean"] / 8, rel=0.01)


def test_sequential_traffic_goes_round_the_window():
    with virt() as sim:
        sim.stream(1).traffic(RAM, 256, 6, order="sequential", write=True)
        assert sim.stats["requester0_0.bytes"] == 6 * 64
        assert sim.stats["memory.writes"] == 6


def test_traffic_depends_on_its_seed_alone():
    def one(seed):
        with virt(**{"smmu0.tbu0.tlb.entries": 4}) as sim:
            sim.stream(1).traffic(RAM, 1 << 24, 200, seed=seed, outstanding=4)
            return sim.digest
    assert one(3) == one(3)


def test_traffic_of_a_function_needs_bus_mastering_and_stays_on_its_tags():
    with virt(**{"endpoint0.tags": 4}) as sim:
        endpoint = sim.endpoints[0]
        refused = endpoint.traffic(RAM, 1 << 16, 50_000)
        assert refused.faults == 50_000 and sim.now == 0, "they end at once"
        endpoint.config.write(4, 0b110, 2)
        traffic = endpoint.traffic(RAM, 1 << 16, 500, outstanding=64)
        assert traffic.faults == 0 and traffic.completed == 500
        assert sim.stats["endpoint.00_01_0.dma.tag_waits"] > 0


def test_several_requesters_run_at_the_same_time():
    with smmusim.Platform("presets/server.yaml") as sim:
        running = []
        for endpoint in sim.endpoints[::16]:
            endpoint.config.write(4, 0b110, 2)
            running.append(endpoint.start_traffic(RAM, 1 << 20, 300))
        assert not any(traffic.done for traffic in running)
        sim.run()
        assert all(traffic.done and traffic.faults == 0 for traffic in running)
        assert [sim.stats[f"smmu0.tbu{n}.transaction"] for n in range(4)] == [300] * 4


def test_traffic_that_cannot_be_is_refused():
    with virt() as sim:
        stream = sim.stream(1)
        for wrong in ({"window": 32}, {"count": 0}, {"warmup": 10}, {"outstanding": 0}, {"order": "backwards"},
                      {"size": 0}, {"stride": 0}, {"iova": (1 << 64) - 64}, {"seed": -1}):
            with pytest.raises(ValueError):
                stream.traffic(**{"iova": RAM, "window": 4096, "count": 10, **wrong})


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_machines_that_boot_and_carry_traffic(preset):
    with smmusim.Platform(f"presets/{preset}.yaml") as sim:
        host = sim.boot()
        domain = host.alloc_domain(type="unmanaged")
        endpoint = sim.endpoints[-1]
        domain.attach(host.device(endpoint))
        domain.map(0x1_0000_0000, sim.memory.base + 0x800_0000, 1 << 20, "rw")
        traffic = endpoint.traffic(0x1_0000_0000, 1 << 20, 300)
        assert traffic.faults == 0 and traffic.completed == 300
        assert sim.stats["smmu0.tlb_miss"] > 0


def test_walk_caches_follow_the_common_size_until_they_have_their_own():
    with virt(**{"smmu0.tcu.walk_cache.entries": 96, "smmu0.tcu.s1_walk_cache.l1.entries": 7,
                 "smmu0.tcu.config_cache.entries": 5, "smmu0.tcu.cd_cache.entries": 6}) as sim:
        sizes = {path: value for path, value in sim.parameters.items() if path.endswith("entries")}
        assert sizes["smmu0.tcu.s1_walk_cache.l0.entries"] == sizes["smmu0.tcu.s2_walk_cache.l1.entries"] == 96
        assert sizes["smmu0.tcu.s1_walk_cache.l1.entries"] == 7
        assert sizes["smmu0.tcu.s1_walk_cache.l3.entries"] == 0
        assert (sizes["smmu0.tcu.ste_cache.entries"], sizes["smmu0.tcu.cd_cache.entries"]) == (5, 6)
    with pytest.raises(smmusim.ConfigError, match="walk_cache_leaves"):
        virt(**{"smmu0.tcu.s2_walk_cache.l3.entries": 8})
