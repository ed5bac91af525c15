// The translation control unit: joins misses, looks into its caches, walks with a bounded number of slots.
#pragma once

#include <array>

#include "sim/clock.hpp"
#include "sim/resources.hpp"
#include "sim/statistics.hpp"
#include "smmu/arch/address_operation.hpp"
#include "smmu/uarch/config.hpp"
#include "smmu/uarch/pending.hpp"
#include "smmu/uarch/pmcg_tap.hpp"
#include "smmu/uarch/walk_cache.hpp"

namespace smmusim::smmu::uarch {

class TimedEnvironment;

class Tcu {
public:
    Tcu(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
        const spec::Identification& identification, arch::Registers& registers, sim::Port& memory);

    /// Translates for `pending`, or joins a translation of the same page that is under way: gives it its outcome, and
    /// its TBU an answer with the context to keep, if there is one.
    void translate(Pending& pending);

    /// Fills caches as CMD_PREFETCH_* asks; leaves no event.
    sim::Task<> prefetch(arch::Prefetch prefetch);
    /// An address translation operation by registers.
    sim::Task<spec::GatosPar> operate(arch::AddressOperation operation);
    /// The legal entry of a stream.
    sim::Task<arch::Checked<arch::StreamContext>> entry(u32 stream);
    sim::Slots& walk_slots() { return walk_slots_; }
    /// Nothing is cached and no walk is under way.
    bool dormant() const;
    /// Returns when no translation is under way.
    sim::Task<> quiet() { return under_way_.none(); }

    void invalidate(const arch::TranslationScope& scope);
    void invalidate(const arch::ConfigurationScope& scope);
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

    EventTap events;

private:
    /// A translation that others may join, or that joins another.
    void share(Pending& pending, Time arrived, bool may_join);
    sim::Activity join(Pending& pending);
    /// The look-up of the configuration caches has taken its time.
    static void configuration_searched(void* tcu, void* pending);
    sim::Activity walk(Pending& pending);
    void finish(WalkJob& job, const Pending& pending, const arch::ContextPtr& context);
    friend class TimedEnvironment;
    struct KeyOfJob {
        using type = MissKey;
        const MissKey& operator()(const WalkJob& job) const { return job.key; }
    };
    struct MissHash {
        std::size_t operator()(const MissKey& key) const {
            return static_cast<std::size_t>(key.page + tag_mix(u64{key.substream} << 32 | key.stream));
        }
    };
    using Misses =
        boost::intrusive::unordered_set<WalkJob, boost::intrusive::key_of_value<KeyOfJob>,
                                        boost::intrusive::hash<MissHash>, boost::intrusive::power_2_buckets<true>,
                                        boost::intrusive::constant_time_size<false>>;

    class Background;
    /// An entry and a descriptor that were found legal, as long as nothing in their caches changes. Saves the host's
    /// time; they count as used in the machine's caches all the same.
    struct CheckedContext {
        u64 changes = 0;  ///< configuration_changes_ when it was
        u64 cr2 = 0;
        const spec::Ste* ste = nullptr;  ///< in its cache
        const spec::Cd* cd = nullptr;    ///< null without stage 1
        arch::ContextPtr context;
    };

    WalkJob& begin_job(Pending& pending, Time arrived);
    void count_walk(const TimedEnvironment& environment, const arch::Outcome& outcome);
    /// The time of its own walk, by stages.
    void account(Pending& pending, const WalkJob& job);
    bool serves(const WalkJob& job, Pending& pending);
    arch::ContextPtr known_context(u32 stream, u32 substream);
    void keep_context(u32 stream, u32 substream, const arch::ContextPtr& context);
    void count(const arch::Fetch& fetch, u32 stream) {
        using Event = spec::MonitorEvent;
        events.report(fetch.descriptor() ? Event::TransTableWalkAccess : Event::ConfigStructAccess, stream);
        if (fetch.descriptor()) [[likely]] {
            ++walk_accesses_;
            ++(fetch.kind == arch::Fetch::Kind::Stage1 ? stage1_reads_ : stage2_reads_);
        } else {
            ++structure_reads_;
        }
    }
    /// A translation asked for by a TBU, a command or a register; and that it did not do without tables.
    void received(u32 stream);
    void missed(u32 stream);
    /// Follows a walk of a transaction by one of the next page, if a slot is free.
    void prefetch_behind(const arch::Request& request, const arch::Outcome& outcome);
    sim::Task<> prefetch_page(arch::Request request);

    sim::Simulation& simulation_;
    std::string name_;
    TcuConfig config_;
    const sim::Clock& clock_;
    const spec::Identification& identification_;
    arch::Registers& registers_;
    sim::Port& memory_;
    sim::Slots walk_slots_;
    sim::AssocCache<StructureKey, spec::Ste> stes_;
    sim::AssocCache<StructureKey, spec::Cd> cds_;
    Stage1WalkCache stage1_;
    Stage2WalkCache stage2_;
    IpaCache ipas_;
    sim::AssocCache<StructureKey, CheckedContext> contexts_;
    u32 config_cycles_;  ///< of a look-up; without caches 0
    u64 configuration_changes_ = 1;
    std::array<Misses::bucket_type, 256> miss_buckets_;
    Misses misses_{Misses::bucket_traits(miss_buckets_.data(), miss_buckets_.size())};
    sim::Underway under_way_;           ///< translations, those in the background included
    std::vector<WalkJob*> background_;  ///< on nobody's behalf: an invalidation keeps all of them from filling caches
    std::string job_name_;
    std::string read_name_;
    sim::Scope scope_;

    u64 requests_ = 0;
    u64 misses_of_requests_ = 0;
    u64 walk_accesses_ = 0;
    u64 stage1_reads_ = 0;
    u64 stage2_reads_ = 0;
    u64 updates_ = 0;
    u64 structure_reads_ = 0;
    u64 config_misses_ = 0;
    /// Look-ups of a cache, by their end.
    struct LookUps {
        u64 hits = 0;
        u64 misses = 0;
        void count(bool hit) { ++(hit ? hits : misses); }
        void statistics(sim::StatisticsVisitor& visit, const char* cache);
    };
    LookUps ste_look_ups_;
    LookUps cd_look_ups_;
    LookUps ipa_look_ups_;
    u64 joined_ = 0;
    u64 walks_ = 0;
    u64 prefetches_ = 0;
    sim::Histogram latency_;
    sim::Histogram walk_wait_;
    sim::Histogram walk_latency_;
    sim::Histogram walk_reads_;
};

}  // namespace smmusim::smmu::uarch
