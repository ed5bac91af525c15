// The environment of a translation that takes time: caches with latencies, walk slots, reads as bus transactions.
#pragma once

#include "smmu/uarch/tcu.hpp"

namespace smmusim::smmu::uarch {

/// The bus access of a fetch or an update of a descriptor.
sim::AccessPtr own_access(sim::AccessPool& accesses, sim::Command command, const arch::Fetch& fetch);

/// The answer of a cache that does not have it.
template <class T>
arch::Checked<T> unknown() {
    arch::Checked<T> nothing;
    nothing.fault.kind = arch::Fault::Kind::Silent;
    return nothing;
}

class TimedEnvironment {
public:
    TimedEnvironment(Tcu& tcu, WalkJob& job) : tcu_(tcu), job_(job) {}
    ~TimedEnvironment();
    TimedEnvironment(const TimedEnvironment&) = delete;
    TimedEnvironment& operator=(const TimedEnvironment&) = delete;

    const spec::Identification& identification() const { return tcu_.identification_; }
    const arch::Control& control() const { return tcu_.registers_.control(); }

    class Read;
    class KnownContext;
    Read read(const arch::Fetch& fetch);
    sim::Task<arch::Fetched> update(const arch::Fetch fetch, u64 expected, u64 desired);
    KnownContext cached_context(u32 stream, u32 substream);
    sim::Answer<arch::Checked<spec::Ste>> cached_ste(u32 stream);
    sim::Answer<arch::Checked<spec::Cd>> cached_cd(u32 stream, u32 index);
    sim::Answer<arch::TablePoint> cached_table(const arch::Tags& tags, bool stage1, u64 address);
    sim::Answer<arch::Checked<arch::Stage2Leaf>> cached_stage2(const arch::Tags& tags, u64 ipa);
    void keep_context(u32 stream, u32 substream, const arch::ContextPtr& context);
    void keep_ste(u32 stream, const spec::Ste& ste);
    void keep_cd(u32 stream, u32 index, const spec::Cd& cd);
    void keep_table(const arch::Tags& tags, bool stage1, u64 address, unsigned span, const arch::TablePoint& point);
    void place_table(const arch::Tags& tags, u64 address, unsigned span, const arch::TablePoint& point);
    sim::Answer<arch::Checked<arch::Translation>> cached_translation(const arch::Tags& tags, u64 address);
    void keep_translation(const arch::Tags& tags, u64 address, const arch::Translation& translation);
    void keep_stage2(const arch::Tags& tags, u64 ipa, const arch::Stage2Leaf& leaf);
    void forget_stage2(const arch::Tags& tags, u64 ipa);
    void tagged(const arch::Tags& tags);
    void decided(const char*) {}
    void noted(const char*, const char*) {}
    void found_stage1(const arch::Translation&) {}
    /// False: descriptors are left alone, the answer is that of after the update.
    void set_updates(bool updates) { updates_ = updates ? Updates::Performed : Updates::Pretended; }
    /// Where a descriptor would need an update the walk ends in a fault.
    void forbid_updates() { updates_ = Updates::Forbidden; }

    /// Descriptor reads since the context was known, and when the first of them started.
    u64 reads() const { return reads_; }
    Time began() const { return began_; }

private:
    enum class Updates : u8 { Performed, Pretended, Forbidden };

    auto cycles(u64 count) const { return tcu_.simulation_.until(tcu_.clock_.after(tcu_.simulation_.now(), count)); }
    sim::Task<> take_slot();
    /// If one is free and ready at once; most are, and need no coroutine.
    bool take_free_slot();
    void granted(sim::Slots::Slot slot, Time asked);
    sim::Task<arch::Checked<spec::Ste>> search_ste(u32 stream);
    sim::Task<arch::Fetched> read_with_slot(const arch::Fetch fetch);
    void count(const arch::Fetch& fetch);
    sim::Task<arch::Checked<arch::Translation>> search_translation(const arch::Tags tags, u64 address);
    sim::Task<arch::Checked<arch::Stage2Leaf>> search_stage2(const arch::Tags tags, u64 ipa);
    /// The deepest descriptor that the caches of a stage know.
    template <class Leaf>
    sim::Task<typename WalkCache<Leaf>::Found> search(WalkCache<Leaf>& cache, const arch::Tags tags, u64 address);
    template <class Leaf>
    sim::Task<arch::TablePoint> deepest_table(WalkCache<Leaf>& cache,
                                              std::optional<typename WalkCache<Leaf>::Found>& searched,
                                              const arch::Tags tags, u64 address);
    void trace(const arch::Fetch& fetch, const char* what, const arch::Fetched& fetched) const;

    Tcu& tcu_;
    WalkJob& job_;
    sim::Slots::Slot slot_;  ///< taken with the first read, given back with the end of the translation
    Time granted_ = 0;       ///< when it was
    Updates updates_ = Updates::Performed;
    std::optional<Stage1WalkCache::Found> searched1_;  ///< by a look-up for leaves, not asked for its table yet
    std::optional<Stage2WalkCache::Found> searched2_;
    bool searched_configuration_ = false;
    bool fetched_configuration_ = false;
    u64 reads_ = 0;
    Time began_ = 0;
};

/// One read of memory. The first of a translation waits for a walk slot.
class TimedEnvironment::Read final : public sim::Waiter, public sim::Initiator {
public:
    Read(TimedEnvironment& environment, const arch::Fetch& fetch);
    ~Read();

    bool await_ready() { return first_ && first_->operator co_await().await_ready(); }
    void await_suspend(std::coroutine_handle<> handle);
    arch::Fetched await_resume();
    void complete(sim::Access& access, Time at) override;

private:
    TimedEnvironment& environment_;
    arch::Fetch fetch_;
    sim::AccessPtr access_;
    std::optional<sim::Task<arch::Fetched>> first_;  ///< without a slot: takes one, and then reads
};

/// The look-up of the configuration caches.
class TimedEnvironment::KnownContext final : public sim::Delay {
public:
    KnownContext(TimedEnvironment& environment, u32 stream, u32 substream)
        : Delay(environment.tcu_.simulation_, environment.tcu_.clock_.after(environment.tcu_.simulation_.now(),
                                                                            environment.tcu_.config_.config_latency)),
          environment_(environment),
          stream_(stream),
          substream_(substream) {}
    arch::ContextPtr await_resume() const {
        environment_.searched_configuration_ = true;
        return environment_.tcu_.known_context(stream_, substream_);
    }

private:
    TimedEnvironment& environment_;
    u32 stream_;
    u32 substream_;
};

}  // namespace smmusim::smmu::uarch
