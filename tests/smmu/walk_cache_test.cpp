// Promises of the walk caches: what each level keeps, what it saves, what invalidations take away.
#include "smmu/uarch/walk_cache.hpp"

#include "smmu/machine.hpp"

namespace smmusim::test::walk_cache {
namespace {

using arch::TablePoint;
using arch::Tags;
using uarch::Stage1WalkCache;

constexpr u32 stream = 8;
constexpr u64 iova = 0x1234'5000;
constexpr u64 page = SmmuMachine::ram + 0x100'0000;

TablePoint table(int level, u64 base) {
    TablePoint point;
    point.valid = true;
    point.level = level;
    point.base = base;
    return point;
}
arch::Translation leaf(unsigned span, int level, bool global = false) {
    arch::Translation translation;
    translation.output = 0x8000'0000;
    translation.span = span;
    translation.stage1_level = level;
    translation.global = global;
    return translation;
}
Tags tags(u16 asid = 1) {
    Tags result;
    result.stage1 = true;
    result.asid = asid;
    return result;
}
std::array<sim::CacheConfig, 4> sizes(u32 l0, u32 l1, u32 l2, u32 l3) {
    return {sim::CacheConfig{.entries = l0}, {.entries = l1}, {.entries = l2}, {.entries = l3}};
}
Stage1WalkCache::Found search(Stage1WalkCache& cache, const Tags& who, u64 address) {
    Stage1WalkCache::Found found;
    for (unsigned level = 4; level-- != 0 && !found.known();) cache.look_up(level, who, address, found);
    return found;
}

TEST(WalkCache, EachLevelKeepsItsOwnDescriptors) {
    Stage1WalkCache cache(sizes(4, 4, 4, 4), true);
    cache.insert(tags(), iova, 39, table(1, 0x1000));
    EXPECT_EQ(search(cache, tags(), iova).table.base, 0x1000u);
    cache.insert(tags(), iova, 30, table(2, 0x2000));
    cache.insert(tags(), iova, 21, table(3, 0x3000));
    EXPECT_EQ(search(cache, tags(), iova).table.base, 0x3000u);
    EXPECT_EQ(search(cache, tags(), iova + (1 << 21)).table.base, 0x2000u) << "the next 2 MiB share level 1";
    EXPECT_EQ(search(cache, tags(), iova + (1 << 30)).table.base, 0x1000u);
    EXPECT_FALSE(search(cache, tags(), iova + (u64{1} << 39)).known());
    EXPECT_FALSE(search(cache, tags(2), iova).known());
}

TEST(WalkCache, LevelOfNoEntriesKeepsNothing) {
    Stage1WalkCache cache(sizes(0, 4, 0, 0), true);
    cache.insert(tags(), iova, 39, table(1, 0x1000));
    EXPECT_FALSE(search(cache, tags(), iova).known());
    cache.insert(tags(), iova, 30, table(2, 0x2000));
    cache.insert(tags(), iova, 21, table(3, 0x3000));
    EXPECT_EQ(search(cache, tags(), iova).table.base, 0x2000u);
}

TEST(WalkCache, LeavesAreKeptOnlyIfAsked) {
    Stage1WalkCache with(sizes(4, 4, 4, 4), true), without(sizes(4, 4, 4, 4), false);
    for (Stage1WalkCache* cache : {&with, &without}) cache->insert(tags(), false, iova, 3, leaf(12, 3));
    ASSERT_TRUE(search(with, tags(), iova).leaf);
    EXPECT_EQ(search(with, tags(), iova).leaf->output, 0x8000'0000u);
    EXPECT_TRUE(without.empty());
}

TEST(WalkCache, GlobalLeavesServeEveryAsid) {
    Stage1WalkCache cache(sizes(4, 4, 4, 4), true);
    cache.insert(tags(1), true, iova, 3, leaf(12, 3, true));
    EXPECT_TRUE(search(cache, tags(2), iova).leaf);
}

TEST(WalkCache, InvalidationOfALeafLeavesTheTables) {
    for (const bool leaf_only : {true, false}) {
        Stage1WalkCache cache(sizes(4, 4, 4, 4), true);
        cache.insert(tags(), iova, 21, table(3, 0x3000));
        cache.insert(tags(), false, iova, 3, leaf(12, 3));
        arch::TranslationScope scope;
        scope.match_asid = scope.match_address = true;
        scope.asid = 1;
        scope.first = iova;
        scope.last = iova + 0xFFF;
        scope.leaf_only = leaf_only;
        cache.invalidate(scope);
        EXPECT_FALSE(search(cache, tags(), iova).leaf);
        EXPECT_EQ(search(cache, tags(), iova).known(), leaf_only);
    }
}

TEST(TcuConfig, CachesFollowTheCommonSizeUntilTheyAreGivenTheirOwn) {
    uarch::TcuConfig config;
    config.walk_cache.entries = 96;
    config.s1_walk_cache[1] = sim::CacheConfig{.entries = 7, .ways = 7};
    EXPECT_EQ(config.walk_caches(true)[0].entries, 96u);
    EXPECT_EQ(config.walk_caches(true)[1].entries, 7u);
    EXPECT_EQ(config.walk_caches(false)[1].entries, 96u);
    EXPECT_EQ(config.walk_caches(true)[3].entries, 0u) << "level 3 has leaves only";
    config.walk_cache_leaves = true;
    EXPECT_EQ(config.walk_caches(true)[3].entries, 96u);
    EXPECT_EQ(config.problem(), "");
    config.walk_cache_leaves = false;
    config.s2_walk_cache[3] = sim::CacheConfig{.entries = 4};
    EXPECT_NE(config.problem(), "");
}

/// Reads of the walk for a page that shares the tables of a known one down to some level.
class WalkCaches : public testing::Test {
protected:
    static std::size_t walk(const uarch::SmmuConfig& config, u64 distance) {
        SmmuMachine machine(config);
        const u64 root = machine.stage1_stream(stream);
        machine.map(root, iova, page);
        machine.map(root, iova + distance, page + 0x1000);
        machine.bring_up();
        for (const u64 address : {iova, iova + distance}) {
            machine.memory.log.clear();
            Client client(machine.simulation);
            client.submit(machine.smmu.tbu(0), sim::Command::Read, stream, address);
            machine.run();
            EXPECT_EQ(client.access->status, sim::Status::Ok);
        }
        return machine.memory.log.size() - 1;
    }
    static uarch::SmmuConfig with(const std::array<u32, 4>& entries, bool leaves = false) {
        uarch::SmmuConfig config = SmmuMachine::small_config();
        config.tcu.walk_cache_leaves = leaves;
        for (unsigned level = 0; level < 4; ++level)
            config.tcu.s1_walk_cache[level] = sim::CacheConfig{.entries = entries[level], .ways = 4};
        return config;
    }
};

TEST_F(WalkCaches, EachLevelSavesTheReadsAboveItsTable) {
    const std::array<u32, 4> all{16, 16, 16, 0};
    EXPECT_EQ(walk(with(all), u64{1} << 39), 4u);
    EXPECT_EQ(walk(with(all), u64{1} << 30), 3u);
    EXPECT_EQ(walk(with(all), u64{1} << 21), 2u);
    EXPECT_EQ(walk(with(all), u64{1} << 12), 1u);
    EXPECT_EQ(walk(with({16, 0, 0, 0}), u64{1} << 12), 3u);
    EXPECT_EQ(walk(with({0, 16, 0, 0}), u64{1} << 12), 2u);
    EXPECT_EQ(walk(with({0, 0, 0, 0}), u64{1} << 12), 4u);
}

TEST_F(WalkCaches, LeavesAnswerWithoutARead) {
    uarch::SmmuConfig config = with({16, 16, 16, 16}, true);
    config.tbus[0].utlb.entries = config.tbus[0].tlb.entries = 0;
    EXPECT_EQ(walk(config, 0), 0u);
    EXPECT_EQ(walk(config, 0x1000), 1u);
}

TEST_F(WalkCaches, NextPageIsFetchedAheadIfAsked) {
    uarch::SmmuConfig config = with({16, 16, 16, 16}, true);
    EXPECT_EQ(walk(config, 0x1000), 1u);
    config.tcu.prefetch = uarch::PrefetchPolicy::NextPage;
    SmmuMachine machine(config);
    const u64 root = machine.stage1_stream(stream);
    for (u64 offset = 0; offset < 0x4000; offset += 0x1000) machine.map(root, iova + offset, page + offset);
    machine.bring_up();
    machine.memory.log.clear();
    for (u64 offset = 0; offset < 0x2000; offset += 0x1000) {
        Client client(machine.simulation);
        client.submit(machine.smmu.tbu(0), sim::Command::Read, stream, iova + offset);
        machine.run();
        EXPECT_EQ(machine.memory.reads(machine.leaf_address(root, iova + offset), 8), 1u);
    }
    EXPECT_EQ(machine.memory.reads(machine.leaf_address(root, iova + 0x2000), 8), 1u) << "one page ahead";
    EXPECT_EQ(machine.memory.reads(machine.leaf_address(root, iova + 0x3000), 8), 0u) << "and no more";
    EXPECT_EQ(machine.events(), 0u);
}

TEST_F(WalkCaches, PrefetchOfAnAbsentPageLeavesNoEvent) {
    uarch::SmmuConfig config = with({16, 16, 16, 16}, true);
    config.tcu.prefetch = uarch::PrefetchPolicy::NextPage;
    SmmuMachine machine(config);
    machine.map(machine.stage1_stream(stream), iova, page);
    machine.bring_up();
    Client client(machine.simulation);
    client.submit(machine.smmu.tbu(0), sim::Command::Read, stream, iova);
    machine.run();
    EXPECT_EQ(client.access->status, sim::Status::Ok);
    EXPECT_EQ(machine.events(), 0u);
}

}  // namespace
}  // namespace smmusim::test::walk_cache
