// How much memory is read for a message, counted where it is read, and when caches stop helping.
#include "gic/machine.hpp"
#include "gic/random.hpp"

namespace smmusim::gic::test {
namespace {

using Code = ItsCommand::Code;

constexpr u64 valid = u64{1} << 63;

/// Reads that arrived at the memory, by table.
struct Traffic {
    u64 tables = 0;
    u64 properties = 0;
    u64 pending = 0;
    bool operator==(const Traffic&) const = default;
};

Traffic traffic_of(Machine& m, u32 device, u32 event) {
    m.memory.log.clear();
    m.doorbell(device, event);
    m.run();
    Traffic traffic;
    for (const auto& entry : m.memory.log) {
        EXPECT_EQ(entry.command, sim::Command::Read);
        if (entry.address >= Machine::pending_tables && entry.address < Machine::pending_tables + 0x10'0000)
            ++traffic.pending;
        else if (entry.address >= Machine::properties && entry.address < Machine::pending_tables) ++traffic.properties;
        else ++traffic.tables;
    }
    EXPECT_NE(m.cpu().acknowledge(), 1023u) << "the message arrived";
    return traffic;
}

/// What drops every cached entry and property.
void make_cold(Machine& m) {
    m.execute({invall(0), sync(0)});
    m.set_s(0x0000, 0, 4);
    m.run();
    m.set_s(0x0000, 1, 4);
}

TEST(ReadsPerMessage, NoneWhenWarm) {
    Machine m;
    m.start();
    m.map(1, 1);
    traffic_of(m, 1, 0);
    m.cpu().end(Machine::lpi(1, 0));
    EXPECT_EQ(traffic_of(m, 1, 0), (Traffic{0, 0, 0}));
}

TEST(ReadsPerMessage, FourWhenColdWithFlatTables) {
    Machine m;
    m.start();
    m.map(1, 1);
    traffic_of(m, 1, 0);
    m.cpu().end(Machine::lpi(1, 0));
    make_cold(m);
    EXPECT_EQ(traffic_of(m, 1, 0), (Traffic{3, 1, 0})) << "device, translation, collection; property";
}

TEST(ReadsPerMessage, FiveWhenColdWithAnIndirectDeviceTable) {
    Machine m;
    m.start_cpus();
    m.enable_lpis();
    m.start_its();
    m.set_s(0x0000, 0, 4);
    m.set_s(0x0100, Machine::device_table | valid | valid >> 1);
    m.memory.put<u64>(Machine::device_table, valid | 0x4080'0000);
    m.set_s(0x0000, 1, 4);
    m.map(1, 1);
    traffic_of(m, 1, 0);
    m.cpu().end(Machine::lpi(1, 0));
    EXPECT_EQ(traffic_of(m, 1, 0), (Traffic{0, 0, 0}));
    m.cpu().end(Machine::lpi(1, 0));
    make_cold(m);
    EXPECT_EQ(traffic_of(m, 1, 0), (Traffic{4, 1, 0}));
}

TEST(ReadsPerMessage, OneAfterInvAndSync) {
    Machine m;
    m.start();
    m.map(1, 1);
    traffic_of(m, 1, 0);
    m.cpu().end(Machine::lpi(1, 0));
    m.memory.log.clear();
    m.execute({about(Code::INV, 1, 0), sync(0)});
    EXPECT_EQ(m.memory.reads(Machine::properties, 0x10'0000), 0u) << "nothing is read before it is used";
    EXPECT_EQ(traffic_of(m, 1, 0), (Traffic{0, 1, 0}));
}

TEST(ReadsPerMessage, InvOfAPendingLpiReadsItsPropertyAtOnce) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    m.memory.log.clear();
    m.execute({about(Code::INV, 1, 0), sync(0)});
    EXPECT_EQ(m.memory.reads(Machine::properties, 0x10'0000), 1u);
}

// Cliffs

enum class Which { Device, Event, Collection, Property };

/// Misses in a hundred look-ups, of `keys` keys taken at random; each message names one of them.
double miss_rate(Which which, u32 entries, u32 keys, u32 stride = 1) {
    GicConfig gic;
    gic.id_bits = 17;
    ItsConfig its;
    // The other caches hold everything.
    for (auto* cache : {&its.device_cache, &its.event_cache, &its.collection_cache, &gic.redistributor.property_cache})
        *cache = {.entries = 1u << 14, .ways = 2};
    sim::CacheConfig& cache = which == Which::Device       ? its.device_cache
                              : which == Which::Event      ? its.event_cache
                              : which == Which::Collection ? its.collection_cache
                                                           : gic.redistributor.property_cache;
    cache.entries = entries;
    Machine m(gic, its);
    m.start();
    std::vector<ItsCommand> commands;
    const bool many_devices = which == Which::Device;
    const bool many_collections = which == Which::Collection;
    commands.push_back(mapc(0, 0));
    if (!many_devices) commands.push_back(mapd(stride, m.itts, 13));
    for (u32 key = 0; key < keys; ++key) {
        if (many_devices) commands.push_back(mapd(key * stride, m.itts + key * 256, 1));
        if (many_collections) commands.push_back(mapc(key, 0));
        m.configure_lpi(8192 + key, 0xA1);
        commands.push_back(mapti(many_devices ? key * stride : stride, many_devices ? 0 : key, 8192 + key,
                                 many_collections ? key : 0));
        if (commands.size() > 1000) {
            m.execute(commands);
            commands.clear();
        }
    }
    m.execute(commands);
    EXPECT_EQ(m.error(), 0u);
    const auto message = [&](u32 key) {
        m.doorbell(many_devices ? key * stride : stride, many_devices ? 0 : key);
        m.run();
        EXPECT_EQ(m.cpu().acknowledge(), 8192 + key);
        m.cpu().end(8192 + key);
        if (which == Which::Property) return;
        m.memory.log.clear();
    };
    const auto misses = [&] {
        const Counters counters(m.gic);
        return which == Which::Device       ? counters["its0.device_cache.misses"]
               : which == Which::Event      ? counters["its0.event_cache.misses"]
               : which == Which::Collection ? counters["its0.collection_cache.misses"]
                                            : counters["gicr.property_reads"];
    };
    for (u32 key = 0; key < keys; ++key) message(key);
    Random random(keys);
    const u64 before = misses();
    constexpr u32 samples = 6000;
    for (u32 sample = 0; sample < samples; ++sample) message(random.below(keys));
    return 100.0 * static_cast<double>(misses() - before) / samples;
}

class CacheCliff : public testing::TestWithParam<std::pair<Which, u32>> {};

TEST_P(CacheCliff, NoMissUpToHalfTheEntries) {
    const auto [which, entries] = GetParam();
    EXPECT_EQ(miss_rate(which, entries, entries / 2), 0.0);
    EXPECT_EQ(miss_rate(which, entries, entries / 4), 0.0);
    const u32 stride = which == Which::Device ? 8 : 1;
    EXPECT_EQ(miss_rate(which, entries, entries / 2, stride), 0.0) << "functions 0 of many slots";
}

TEST_P(CacheCliff, MissesAreOneMinusEntriesPerKeyFromFourTimesTheEntries) {
    const auto [which, entries] = GetParam();
    EXPECT_NEAR(miss_rate(which, entries, 4 * entries), 75.0, 3.0);
    EXPECT_NEAR(miss_rate(which, entries, 8 * entries), 87.5, 3.0);
}

std::string name_of(const testing::TestParamInfo<std::pair<Which, u32>>& instance) {
    const Which which = instance.param.first;
    return which == Which::Device       ? "Device"
           : which == Which::Event      ? "Event"
           : which == Which::Collection ? "Collection"
                                        : "Property";
}

INSTANTIATE_TEST_SUITE_P(Caches, CacheCliff,
                         testing::Values(std::pair(Which::Device, 32u), std::pair(Which::Event, 256u),
                                         std::pair(Which::Collection, 16u), std::pair(Which::Property, 256u)),
                         name_of);

}  // namespace
}  // namespace smmusim::gic::test
