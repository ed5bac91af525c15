// Sizes, latencies and identification of one SMMU.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "sim/assoc_cache.hpp"
#include "sim/attributes.hpp"
#include "smmu/spec/identification.hpp"
#include "smmu/uarch/pmcg_config.hpp"

namespace smmusim::smmu::uarch {

/// One translation buffer unit: the TLBs in front of a root port.
struct TbuConfig {
    u64 clock = 0;
    sim::CacheConfig utlb{.entries = 32, .ways = 0};
    sim::CacheConfig tlb{.entries = 2048, .ways = 4};
    sim::CacheConfig contexts{.entries = 64, .ways = 4};
    u32 utlb_latency = 1;
    u32 tlb_latency = 3;
    u32 accept_interval = 1;
    u32 send_latency = 1;
    u32 translation_slots = 64;
    u32 link_latency = 8;
    u32 transactions = 0;
    u32 records_kept = 0;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        constexpr const char* gem5 = "defaults of gem5's SMMUv3 model, which claim to represent no part";
        visit(clock, {"clock", "clock of this TBU; 0Hz: that of the SMMU", Unit::Hertz, Origin::Choice, "", 0,
                      10'000'000'000});
        visit.group("utlb", "micro TLB", utlb);
        visit.group("tlb", "main TLB of the TBU", tlb);
        visit.group("contexts", "stream configurations kept beside the TLBs", contexts);
        visit(utlb_latency,
              {"utlb_latency", "look-up of the micro TLB", Unit::Cycles, Origin::Assumed, gem5, 0, 10'000});
        visit(tlb_latency, {"tlb_latency", "look-up of the main TLB", Unit::Cycles, Origin::Assumed, gem5, 0, 10'000});
        visit(accept_interval, {"accept_interval", "cycles between two accepted transactions", Unit::Cycles,
                                Origin::Assumed, "one look-up per cycle, as Arm MMU-700", 0, 10'000});
        visit(send_latency, {"send_latency", "from the translated address to the interconnect", Unit::Cycles,
                             Origin::Assumed, gem5, 0, 10'000});
        visit(translation_slots, {"translation_slots", "misses outstanding towards the TCU", Unit::Count,
                                  Origin::Assumed, "gem5: 64 slots", 1, 65'536});
        visit(link_latency, {"link_latency", "TBU to TCU, each way", Unit::Cycles, Origin::Assumed, gem5, 0, 10'000});
        visit(transactions, {"transactions",
                             "transactions held, from acceptance to response; more wait on the credits of their link; "
                             "0: any number",
                             Unit::Count, Origin::Assumed, "no public figure", 0, 65'536});
        visit(records_kept, {"records_kept", "newest transactions whose stages are kept for inspection; 0: none",
                             Unit::Count, Origin::Choice, "an observation: it changes no result", 0, 1'000'000});
    }
};

/// How the walk caches of a stage are searched.
enum class WalkCacheSearch : u8 { Parallel, Serial };
inline constexpr std::array<sim::Choice, 2> walk_cache_search_names{sim::Choice{"parallel", 0},
                                                                    sim::Choice{"serial", 1}};
enum class PrefetchPolicy : u8 { None, NextPage };
inline constexpr std::array<sim::Choice, 2> prefetch_names{sim::Choice{"none", 0}, sim::Choice{"next_page", 1}};

/// A cache that is like another one until it is given a size or policy of its own.
class FollowingCache {
public:
    FollowingCache() = default;
    FollowingCache(const sim::CacheConfig& own) : own_(own) {}
    sim::CacheConfig like(const sim::CacheConfig& common) const { return own_.value_or(common); }
    void fields(sim::ConfigVisitor& visit, const char* name, const char* meaning, const sim::CacheConfig& common) {
        sim::CacheConfig value = like(common);
        const sim::CacheConfig before = value;
        visit.group(name, meaning, value);
        if (value != before) own_ = value;
    }

private:
    std::optional<sim::CacheConfig> own_;
};

/// The translation control unit: configuration caches, walk caches, walk slots, queues.
struct TcuConfig {
    static constexpr unsigned levels = 4;

    sim::CacheConfig config_cache{.entries = 64, .ways = 4};
    FollowingCache ste_cache;
    FollowingCache cd_cache;
    sim::CacheConfig walk_cache{.entries = 512, .ways = 4};
    std::array<FollowingCache, levels> s1_walk_cache;
    std::array<FollowingCache, levels> s2_walk_cache;
    bool walk_cache_leaves = false;
    WalkCacheSearch walk_cache_search = WalkCacheSearch::Parallel;
    sim::CacheConfig ipa_cache{.entries = 0, .ways = 4};
    PrefetchPolicy prefetch = PrefetchPolicy::None;
    u32 walk_slots = 16;
    u32 config_latency = 3;
    u32 walk_cache_latency = 4;
    u32 ipa_cache_latency = 4;
    u32 walk_start_latency = 0;
    u32 walk_latency = 1;
    u32 walk_return_latency = 0;
    u32 command_latency = 4;
    u32 event_latency = 1;

    /// The walk caches of a stage, by the level of the descriptors that they keep.
    std::array<sim::CacheConfig, levels> walk_caches(bool stage1) const;
    void fields(sim::ConfigVisitor& visit);
    /// Why a TCU cannot be built like this; empty if it can.
    std::string problem() const;
};

struct SmmuConfig {
    spec::Identification identification;
    u64 base = 0x0905'0000;
    u64 clock = 1'000'000'000;
    Time update_latency = 10 * nanosecond;
    Time register_latency = 5 * nanosecond;
    Time atc_timeout = 10 * millisecond;
    u32 device_id = sim::no_id;
    u32 gbpa = 0x1000;
    u32 occupancy_windows = 0;
    std::vector<TbuConfig> tbus{TbuConfig{}};
    TcuConfig tcu;
    PmcgConfig pmcg;
    /// Writes to this window of input addresses are messages, whatever the tables say; decided by the whole machine.
    struct MessageWindow {
        u64 base = 0;
        u64 size = 0;  ///< 0: none
    } message_window;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(base, {"base", "address of register page 0", Unit::Address, Origin::Choice, "QEMU virt"});
        visit(clock, {"clock", "clock of the TCU, and of the TBUs without one of their own", Unit::Hertz,
                      Origin::Assumed, "a round figure", 1'000'000, 10'000'000'000});
        visit(update_latency, {"update_latency", "from a write of CR0, IRQ_CTRL or GBPA to its effect", Unit::Time,
                               Origin::Assumed, "finite by IHI 0070, 6.3", 0, millisecond});
        visit(register_latency, {"register_latency", "of a register access inside the SMMU", Unit::Time,
                                 Origin::Assumed, "no public figure", 0, millisecond});
        visit(atc_timeout,
              {"atc_timeout", "an ATC invalidation that is not answered by then fails the CMD_SYNC", Unit::Time,
               Origin::Assumed, "finite by IHI 0070, 4.7.3; PCI Express allows a minute", nanosecond, 100 * second});
        visit(device_id, {"device_id", "DeviceID of the SMMU's own interrupt messages", Unit::Raw, Origin::Choice,
                          "none: a message to an ITS is not translated"});
        visit(gbpa, {"GBPA", "reset value of GBPA", Unit::Raw, Origin::Choice, "bypass with incoming attributes"});
        visit(occupancy_windows,
              {"occupancy_windows", "windows of time in which the use of the slots is kept for inspection; 0: none",
               Unit::Count, Origin::Choice, "", 0, 1u << 20});
        identification.fields(visit);
        visit.list("tbu", "translation buffer unit", tbus);
        visit.group("tcu", "translation control unit", tcu);
        visit.group("pmcg", "performance monitor counter groups", pmcg);
    }
};

}  // namespace smmusim::smmu::uarch
