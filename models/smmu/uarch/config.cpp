#include "smmu/uarch/config.hpp"

#include <fmt/format.h>

namespace smmusim::smmu::uarch {

using sim::Origin;
using sim::Unit;

namespace {

constexpr const char* gem5 = "defaults of gem5's SMMUv3 model, which claim to represent no part";

/// A cache of level 3 holds pages only.
sim::CacheConfig common_of(const TcuConfig& config, unsigned level) {
    sim::CacheConfig common = config.walk_cache;
    if (level == 3 && !config.walk_cache_leaves) common.entries = 0;
    return common;
}

/// The walk caches of a stage as a part with a part for each level.
struct StageCaches {
    const TcuConfig& config;
    std::array<FollowingCache, TcuConfig::levels>& caches;

    void fields(sim::ConfigVisitor& visit) {
        static constexpr std::array names{"l0", "l1", "l2", "l3"};
        for (unsigned level = 0; level < TcuConfig::levels; ++level)
            caches[level].fields(visit, names[level], "descriptors of this level; like walk_cache unless given",
                                 common_of(config, level));
    }
};

}  // namespace

std::array<sim::CacheConfig, TcuConfig::levels> TcuConfig::walk_caches(bool stage1) const {
    std::array<sim::CacheConfig, levels> result;
    for (unsigned level = 0; level < levels; ++level)
        result[level] = (stage1 ? s1_walk_cache : s2_walk_cache)[level].like(common_of(*this, level));
    return result;
}

std::string TcuConfig::problem() const {
    if (walk_cache_leaves) return {};
    for (const bool stage1 : {true, false})
        if (walk_caches(stage1)[3].entries != 0)
            return fmt::format(
                "s{}_walk_cache.l3: descriptors of level 3 are leaves, which walk_cache_leaves = false "
                "does not keep",
                stage1 ? 1 : 2);
    return {};
}

void TcuConfig::fields(sim::ConfigVisitor& visit) {
    visit.group("config_cache", "stream table entries and context descriptors, each in a cache of this size",
                config_cache);
    ste_cache.fields(visit, "ste_cache", "stream table entries; like config_cache unless given", config_cache);
    cd_cache.fields(visit, "cd_cache", "context descriptors; like config_cache unless given", config_cache);
    visit.group("walk_cache", "table descriptors, each stage and level in a cache of this size", walk_cache);
    visit(walk_cache_leaves,
          {"walk_cache_leaves", "walk caches keep block and page descriptors too, each with the whole translation",
           Unit::Count, Origin::Choice, "Arm MMU-600 keeps them, gem5 does not"});
    StageCaches stage1{*this, s1_walk_cache};
    visit.group("s1_walk_cache", "descriptors of stage 1", stage1);
    StageCaches stage2{*this, s2_walk_cache};
    visit.group("s2_walk_cache", "descriptors of stage 2", stage2);
    visit(walk_cache_search,
          {"walk_cache_search", "all levels of a stage in one look-up, or one after the other, deepest first"},
          walk_cache_search_names);
    visit.group("ipa_cache", "stage 2 translations of intermediate addresses", ipa_cache);
    visit(prefetch,
          {"prefetch",
           "what a walk of a transaction is followed by, if a walk slot is free; the walk caches keep what "
           "it finds, the translation itself with walk_cache_leaves only"},
          prefetch_names);
    const auto cycles = [&](u32& value, const char* name, const char* meaning, const char* source = gem5) {
        visit(value, {name, meaning, Unit::Cycles, Origin::Assumed, source, 0, 1'000'000});
    };
    visit(walk_slots, {"walk_slots", "translations that read memory at the same time", Unit::Count, Origin::Assumed,
                       gem5, 1, 65'536});
    cycles(config_latency, "config_latency", "look-up of the configuration caches");
    cycles(walk_cache_latency, "walk_cache_latency", "look-up of the walk caches, or of one level if they are serial");
    cycles(ipa_cache_latency, "ipa_cache_latency", "look-up of the IPA cache");
    cycles(walk_start_latency, "walk_start_latency", "from a granted walk slot to the first read",
           "0: within the look-ups");
    cycles(walk_latency, "walk_latency", "before each read of a walk");
    cycles(walk_return_latency, "walk_return_latency", "after each read of a walk", "0: within walk_latency");
    cycles(command_latency, "command_latency", "execution of a command after its fetch", "no public figure");
    cycles(event_latency, "event_latency", "composition of an event record", "no public figure");
}

}  // namespace smmusim::smmu::uarch
