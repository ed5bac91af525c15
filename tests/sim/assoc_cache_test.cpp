// Promises of the cache: who stays, who goes, and that absence works.
#include "sim/assoc_cache.hpp"

#include <gtest/gtest.h>

#include <array>
#include <list>
#include <map>
#include <random>
#include <set>

namespace smmusim::sim {
namespace {

struct Key {
    u64 number = 0;
    bool operator==(const Key&) const = default;
    u64 hash() const { return number; }
};
using Cache = AssocCache<Key, u64>;

CacheConfig config(u32 entries, u32 ways, Replacement policy = Replacement::Lru) {
    CacheConfig result;
    result.entries = entries;
    result.ways = ways;
    result.policy = policy;
    return result;
}

bool holds(const Cache& cache, u64 key) { return cache.peek({key}) != nullptr; }

class EveryPolicy : public testing::TestWithParam<Replacement> {};
std::string policy_name(const testing::TestParamInfo<Replacement>& parameter) {
    return replacement_names[static_cast<std::size_t>(parameter.param)].name;
}
INSTANTIATE_TEST_SUITE_P(AssocCache, EveryPolicy,
                         testing::Values(Replacement::Lru, Replacement::PseudoLru, Replacement::RoundRobin,
                                         Replacement::Random),
                         policy_name);

TEST_P(EveryPolicy, FindsWhatWasInserted) {
    Cache cache(config(8, 2, GetParam()));
    EXPECT_EQ(cache.find({1}), nullptr);
    cache.insert({1}, 11);
    ASSERT_NE(cache.find({1}), nullptr);
    EXPECT_EQ(*cache.find({1}), 11u);
    cache.insert({1}, 12);
    EXPECT_EQ(*cache.find({1}), 12u);
    EXPECT_EQ(cache.size(), 1u);
}

TEST_P(EveryPolicy, NoEntriesIsACacheThatNeverHits) {
    Cache cache(config(0, 4, GetParam()));
    cache.insert({1}, 11);
    EXPECT_EQ(cache.find({1}), nullptr);
    EXPECT_EQ(cache.capacity(), 0u);
    EXPECT_EQ(cache.size(), 0u);
    EXPECT_EQ(cache.erase_if([](const Key&, u64) { return true; }), 0u);
}

TEST_P(EveryPolicy, NothingLeavesAsLongAsThereIsRoom) {
    for (const u32 ways : {1u, 4u, 0u}) {
        Cache cache(config(64, ways, GetParam()));
        for (u64 key = 0; key < 64; ++key) cache.insert({key}, key);
        EXPECT_EQ(cache.size(), 64u);
        for (u64 key = 0; key < 64; ++key) EXPECT_TRUE(holds(cache, key)) << key;
        cache.insert({64}, 64);
        EXPECT_EQ(cache.size(), 64u);
        EXPECT_TRUE(holds(cache, 64));
    }
}

TEST_P(EveryPolicy, ErasedPlacesAreFilledBeforeAnythingIsReplaced) {
    for (const u32 ways : {4u, 0u}) {
        Cache cache(config(64, ways, GetParam()));
        for (u64 key = 0; key < 64; ++key) cache.insert({key}, key);
        EXPECT_EQ(cache.erase_if([](const Key& key, u64) { return key.number % 3 == 0; }), 22u);
        EXPECT_EQ(cache.size(), 42u);
        for (u64 key = 0; key < 64; ++key) EXPECT_EQ(holds(cache, key), key % 3 != 0) << key;
        for (u64 key = 0; key < 64; key += 3) cache.insert({key + 64}, key);
        for (u64 key = 0; key < 64; ++key) EXPECT_EQ(holds(cache, key), key % 3 != 0) << key;
        EXPECT_EQ(cache.size(), 64u);
        cache.clear();
        EXPECT_EQ(cache.size(), 0u);
        EXPECT_FALSE(holds(cache, 1));
    }
}

TEST_P(EveryPolicy, SingleWayIsDirectlyMapped) {
    Cache cache(config(4, 1, GetParam()));
    for (u64 key = 0; key < 4; ++key) cache.insert({key}, key);
    cache.insert({6}, 6);
    EXPECT_FALSE(holds(cache, 2));
    for (const u64 key : {0, 1, 3, 6}) EXPECT_TRUE(holds(cache, key)) << key;
}

TEST_P(EveryPolicy, CapacityIsExactlyTheEntriesAskedFor) {
    for (const u32 entries : {1u, 3u, 10u, 33u, 65u, 100u}) {
        for (const u32 ways : {0u, 1u, 3u, 4u, 40u, 200u}) {
            Cache cache(config(entries, ways, GetParam()));
            EXPECT_EQ(cache.capacity(), entries);
            for (u64 key = 0; key < 4 * entries; ++key) cache.insert({key}, key);
            EXPECT_EQ(cache.size(), entries) << entries << " entries, " << ways << " ways";
        }
    }
}

/// Random finds, inserts and erasures: what the cache answers is always the last value inserted, and its size right.
TEST_P(EveryPolicy, NeverAnswersWrongly) {
    for (const CacheConfig& shape : {config(16, 4), config(40, 0), config(10, 4), config(96, 48)}) {
        Cache cache(config(shape.entries, shape.ways, GetParam()), 7);
        std::mt19937_64 random(5);
        std::map<u64, u64> last;
        for (u64 step = 0; step < 20'000; ++step) {
            const Key key{random() % 128};
            if (random() % 64 == 0) {
                const u64 residue = random() % 5;
                cache.erase_if([&](const Key& each, u64) { return each.number % 5 == residue; });
                std::erase_if(last, [&](const auto& each) { return each.first % 5 == residue; });
            } else if (random() % 2 == 0) {
                cache.insert(key, step);
                last[key.number] = step;
                ASSERT_TRUE(holds(cache, key.number));
            } else if (const u64* const value = cache.find(key)) {
                ASSERT_TRUE(last.contains(key.number)) << "an erased entry was found";
                ASSERT_EQ(*value, last[key.number]);
            }
        }
        u32 present = 0;
        for (u64 number = 0; number < 128; ++number) present += holds(cache, number) ? 1 : 0;
        EXPECT_EQ(cache.size(), present);
        EXPECT_GT(present, shape.entries / 2);
    }
}

/// However a use is told, the same entries stay; many uses repeat one of the last two.
TEST_P(EveryPolicy, FindIsALookFollowedByAUse) {
    for (const CacheConfig& shape : {config(16, 4), config(40, 0), config(10, 4), config(8, 1)}) {
        Cache finds(config(shape.entries, shape.ways, GetParam()), 7);
        Cache uses(config(shape.entries, shape.ways, GetParam()), 7);
        std::mt19937_64 random(3);
        std::array<u64, 2> recent{};
        for (u64 step = 0; step < 20'000; ++step) {
            const u64 number = random() % 2 == 0 ? recent[random() % 2] : random() % 96;
            recent = {number, recent[0]};
            const u64 kind = random() % 16;
            if (kind == 0) {
                ASSERT_EQ(finds.erase({number}), uses.erase({number}));
            } else if (kind < 6) {
                finds.insert({number}, step);
                uses.insert({number}, step);
            } else {
                const u64* const found = finds.find({number});
                const u64* const seen = uses.peek({number});
                ASSERT_EQ(found != nullptr, seen != nullptr) << "step " << step;
                if (seen == nullptr) continue;
                ASSERT_EQ(*found, *seen);
                uses.use(*seen);
            }
        }
        EXPECT_EQ(finds.size(), uses.size());
    }
}

TEST(AssocCache, KeysOfOtherSetsDoNotDisplace) {
    Cache cache(config(8, 2));  // four sets
    cache.insert({0}, 0);
    cache.insert({4}, 4);
    for (u64 key = 1; key < 100; ++key)
        if (key % 4 != 0) cache.insert({key}, key);
    EXPECT_TRUE(holds(cache, 0));
    EXPECT_TRUE(holds(cache, 4));
    cache.insert({8}, 8);
    EXPECT_FALSE(holds(cache, 0));
}

/// Least recently used, compared with a list, for few ways (linear), many (indexed) and sets of unequal size.
TEST(AssocCache, LruReplacesTheLeastRecentlyUsedOfTheSet) {
    for (const auto& [entries, ways] : {std::pair{16u, 4u}, {8u, 0u}, {200u, 0u}, {10u, 4u}, {128u, 64u}}) {
        Cache cache(config(entries, ways));
        const u32 associativity = ways == 0 ? entries : ways;
        const u32 sets = (entries + associativity - 1) / associativity;
        std::vector<std::list<u64>> model(sets);
        std::mt19937_64 random(11);
        std::array<u64, 2> recent{};  // many uses repeat one of the last two
        for (int step = 0; step < 20'000; ++step) {
            const u64 key = random() % 2 == 0 ? recent[random() % 2] : random() % (2 * entries);
            recent = {key, recent[0]};
            const u64 set = key % sets;
            const std::size_t room = (set + 1) * entries / sets - set * entries / sets;
            auto& order = model[set];
            const auto known = std::find(order.begin(), order.end(), key);
            ASSERT_EQ(holds(cache, key), known != order.end()) << entries << "/" << ways << " step " << step;
            if (random() % 3 == 0) continue;  // peek is no use
            if (random() % 50 == 0) {
                cache.erase_if([&](const Key& each, u64) { return each.number == key; });
                if (known != order.end()) order.erase(known);
            } else if (known == order.end()) {
                ASSERT_EQ(cache.find({key}), nullptr);
                cache.insert({key}, key);
                if (order.size() == room) order.pop_back();
                order.push_front(key);
            } else {
                switch (random() % 4) {
                    case 0: cache.use(*cache.peek({key})); break;
                    case 1: cache.insert({key}, key); break;
                    default: ASSERT_NE(cache.find({key}), nullptr);
                }
                order.splice(order.begin(), order, known);
            }
        }
    }
}

TEST(AssocCache, XorSpreadsRunsAndStridesOfPowersOfTwoEvenly) {
    for (const u64 stride : {1, 16, 256, 4096}) {
        CacheConfig shape = config(64, 4);
        shape.index = Indexing::Xor;
        Cache cache(shape);
        for (u64 key = 0; key < 64; ++key) cache.insert({key * stride}, key);
        EXPECT_EQ(cache.size(), 64u) << "stride " << stride;
        Cache modulo(config(64, 4));
        for (u64 key = 0; key < 64; ++key) modulo.insert({key * stride}, key);
        EXPECT_EQ(modulo.size(), stride == 1 ? 64u : 4u) << "stride " << stride;
    }
}

TEST(AssocCache, XorUsesAnyNumberOfSets) {
    for (const u32 entries : {1u, 12u, 48u, 100u}) {
        CacheConfig shape = config(entries, 4);
        shape.index = Indexing::Xor;
        Cache cache(shape);
        for (u64 key = 0; key < 100 * entries; ++key) cache.insert({key}, key);
        EXPECT_EQ(cache.size(), entries);
    }
}

TEST(AssocCache, PseudoLruReplacesTheFirstNotUsedSinceAllWereMarked) {
    Cache cache(config(4, 4, Replacement::PseudoLru));
    for (u64 key = 0; key < 4; ++key) cache.insert({key}, key);  // the last mark clears those of 0, 1 and 2
    cache.find({0});
    cache.insert({4}, 4);  // replaces 1, the first without a mark
    EXPECT_FALSE(holds(cache, 1));
    cache.insert({5}, 5);  // replaces 2; its mark is the last: those of 0, 4 and 3 go
    EXPECT_FALSE(holds(cache, 2));
    cache.insert({6}, 6);
    EXPECT_FALSE(holds(cache, 0));
    for (const u64 key : {3, 4, 5, 6}) EXPECT_TRUE(holds(cache, key)) << key;
}

TEST(AssocCache, PseudoLruNeverReplacesTheLastUsed) {
    for (const u32 ways : {2u, 8u, 64u}) {
        Cache cache(config(ways, 0, Replacement::PseudoLru));
        std::mt19937_64 random(3);
        for (int step = 0; step < 5'000; ++step) {
            const u64 used = random() % (2 * ways);
            if (cache.find({used}) == nullptr) cache.insert({used}, used);
            if (random() % 20 == 0) cache.erase_if([&](const Key& key, u64) { return key.number == random() % ways; });
            if (!holds(cache, used)) continue;
            cache.insert({used + 2 * ways}, 0);
            ASSERT_TRUE(holds(cache, used));
            cache.erase_if([&](const Key& key, u64) { return key.number >= 2 * ways; });
        }
    }
}

TEST(AssocCache, RoundRobinReplacesInOrderWhateverIsUsed) {
    Cache cache(config(3, 3, Replacement::RoundRobin));
    for (u64 key = 0; key < 3; ++key) cache.insert({key}, key);
    for (u64 key = 3; key < 20; ++key) {
        cache.find({key - 3});
        cache.insert({key}, key);
        EXPECT_FALSE(holds(cache, key - 3));
        EXPECT_TRUE(holds(cache, key - 2));
        EXPECT_TRUE(holds(cache, key - 1));
    }
}

TEST(AssocCache, RandomDependsOnTheSeedOnlyAndReachesEveryWay) {
    const auto survivors = [](u64 seed) {
        Cache cache(config(8, 8, Replacement::Random), seed);
        for (u64 key = 0; key < 40; ++key) cache.insert({key}, key);
        std::set<u64> result;
        for (u64 key = 0; key < 40; ++key)
            if (holds(cache, key)) result.insert(key);
        return result;
    };
    EXPECT_EQ(survivors(3), survivors(3));
    EXPECT_NE(survivors(3), survivors(5));
    Cache cache(config(4, 4, Replacement::Random), 9);
    for (u64 key = 0; key < 4; ++key) cache.insert({key}, key);
    for (u64 key = 4; key < 200; ++key) cache.insert({key}, key);
    for (u64 key = 0; key < 4; ++key) EXPECT_FALSE(holds(cache, key));
}

TEST(AssocCache, LargeFullyAssociativeCacheIsQuick) {
    constexpr u32 entries = 65'536;
    for (const Replacement policy : {Replacement::Lru, Replacement::PseudoLru, Replacement::RoundRobin}) {
        Cache cache(config(entries, 0, policy));
        // A linear search for the victim would take 10^10 steps here.
        for (u64 key = 0; key < 4 * entries; ++key) {
            cache.insert({key}, key);
            cache.find({key / 2});
        }
        EXPECT_EQ(cache.size(), entries);
    }
}

}  // namespace
}  // namespace smmusim::sim
