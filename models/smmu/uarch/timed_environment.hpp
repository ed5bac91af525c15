// The environment of a translation that takes time: caches with latencies, walk slots, reads as bus transactions.
#pragma once

#include <memory>

#include "smmu/uarch/tcu.hpp"

namespace smmusim::smmu::uarch {

/// The bus access of a fetch or an update of a descriptor.
sim::AccessPtr own_access(sim::AccessPool& accesses, sim::Command command, const arch::Fetch& fetch);

class TimedEnvironment {
public:
    TimedEnvironment(Tcu& tcu, WalkJob& job)
        : reader_(*this, tcu),
          tcu_(tcu),
          stream_(job.stream),
          job_(job),
          searched_configuration_(job.searched_configuration) {}
    ~TimedEnvironment();
    TimedEnvironment(const TimedEnvironment&) = delete;
    TimedEnvironment& operator=(const TimedEnvironment&) = delete;

    const spec::Identification& identification() const { return tcu_.identification_; }
    const arch::Control& control() const { return tcu_.registers_.control(); }

    class Read;
    class Descend;
    Read read(const arch::Fetch& fetch);
    Descend descend(arch::Descent& walk, arch::FetchedDescriptor& last);
    sim::Task<arch::FetchedDescriptor> update(const arch::Fetch fetch, u64 expected, u64 desired);
    sim::Answer<arch::ContextPtr> cached_context(u32 stream, u32 substream) {
        if (searched_configuration_) return tcu_.known_context(stream, substream);
        return search_context(stream, substream);
    }
    sim::Answer<std::optional<spec::Ste>> cached_ste(u32 stream);
    sim::Answer<std::optional<spec::Cd>> cached_cd(u32 stream, u32 index);
    sim::Answer<void> cached_table(arch::Descent& walk) {
        if (!keeps_tables(walk.stage1)) return {};
        return search_table(walk);
    }
    sim::Answer<bool> cached_stage2(const arch::Tags& tags, u64 ipa, arch::Stage2Leaf& leaf) {
        if (!tcu_.ipas_.present() && !tcu_.stage2_.keeps_leaves()) return false;
        return search_stage2(tags, ipa, leaf);
    }
    void keep_context(u32 stream, u32 substream, const arch::ContextPtr& context);
    void keep_ste(u32 stream, const spec::Ste& ste);
    void keep_cd(u32 stream, u32 index, const spec::Cd& cd);
    void keep_table(const arch::Tags& tags, bool stage1, u64 address, unsigned span, const arch::TablePoint& point) {
        if (keeps_tables(stage1)) insert_table(tags, stage1, address, span, point);
    }
    void place_table(const arch::Tags& tags, u64 address, unsigned span, const arch::TablePoint& point) {
        if (tcu_.stage1_.present() && !job_.stale) tcu_.stage1_.insert(tags, address, span, point);
    }
    sim::Answer<bool> cached_translation(const arch::Tags& tags, u64 address, arch::Translation& translation) {
        if (!tags.stage1 || !tcu_.stage1_.keeps_leaves()) return false;
        return search_translation(tags, address, translation);
    }
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
    u32 reads() const { return reads_; }
    Time began() const { return began_; }

private:
    enum class Updates : u8 { Performed, Pretended, Forbidden };

    /// The reads, one after the other; the first of them waits for a walk slot.
    class Reader final : public sim::Slots::Taker, public sim::Initiator {
    public:
        Reader(TimedEnvironment& environment, Tcu& tcu);
        ~Reader();  // an access under way finishes without us
        /// There is a walk slot from now on.
        void prepare();
        /// Reads, and goes on for as long as `walk` follows what it has read; null: it is one read.
        void start(const arch::Fetch& fetch, arch::Descent* walk, std::coroutine_handle<> handle);
        void complete(sim::Access& access, Time at) override;
        const sim::Access& access() const { return *access_; }
        arch::FetchedDescriptor descriptor() const {
            arch::FetchedDescriptor fetched;
            fetched.ok = access_->status == sim::Status::Ok;
            if (fetched.ok) fetched.raw = access_->word();
            return fetched;
        }

    private:
        static void slot_granted(void* waiter, void*);
        static void slot_ready(void* waiter, void*);
        static void descriptor_read(void* waiter, void*);
        void begin();
        void read();
        void depend(const arch::FetchedDescriptor& fetched);
        void structure_read(Time then);
        void send(Time from);

        Time asked_ = 0;  ///< for a slot
        TimedEnvironment& environment_;
        const arch::Fetch* fetch_ = nullptr;
        arch::Descent* walk_ = nullptr;
        sim::AccessPtr access_;  ///< of every read: one is under way at a time
    };

    auto cycles(u64 count) const { return tcu_.simulation_.until(tcu_.clock_.after(tcu_.simulation_.now(), count)); }
    sim::Task<bool> take_slot();
    void granted(sim::Slots::Slot slot, Time asked);
    /// Whether invalidations by the address of the transaction concern what lies in this tree: of a nested walk those
    /// of stage 2 name other addresses.
    bool addressed(bool stage1) const { return stage1 || !job_.tags.stage1; }
    void found_leaf(bool stage1, unsigned reach) {
        if (addressed(stage1)) job_.leaf_reach = std::max(job_.leaf_reach, static_cast<u8>(reach));
    }
    /// The first descriptor on the way of a walk, read or cached, and what it covers.
    void set_out(const arch::Descent& walk, int level) {
        if (addressed(walk.stage1))
            job_.path_reach = std::max(job_.path_reach, static_cast<u8>(walk.regime.geometry.low_bit(level)));
    }
    sim::Task<arch::ContextPtr> search_context(u32 stream, u32 substream);
    sim::Task<std::optional<spec::Ste>> search_ste(u32 stream);
    /// Whether a descriptor that leads to another table is kept.
    bool keeps_tables(bool stage1) const { return stage1 ? tcu_.stage1_.present() : tcu_.stage2_.present(); }
    void count_first(const arch::Fetch& fetch);
    sim::Task<bool> search_translation(const arch::Tags& tags, u64 address, arch::Translation& translation);
    sim::Task<bool> search_stage2(const arch::Tags& tags, u64 ipa, arch::Stage2Leaf& leaf);
    sim::Task<> search_table(arch::Descent& walk);
    void insert_table(const arch::Tags& tags, bool stage1, u64 address, unsigned span, const arch::TablePoint& point);
    /// The deepest descriptor that the caches of a stage know.
    template <class Leaf>
    sim::Task<typename WalkCache<Leaf>::Found> search(WalkCache<Leaf>& cache, const arch::Tags tags, u64 address);
    template <class Leaf>
    sim::Task<arch::TablePoint> deepest_table(WalkCache<Leaf>& cache,
                                              std::unique_ptr<typename WalkCache<Leaf>::Found>& searched,
                                              const arch::Tags tags, u64 address);
    void trace(const arch::Fetch& fetch, const char* what, const arch::FetchedDescriptor& fetched) const;

    // What every read uses lies together, from the end of the reader on.
    Reader reader_;
    Tcu& tcu_;
    u32 reads_ = 0;
    u32 stream_;  ///< of the job
    WalkJob& job_;
    sim::Slots::Slot slot_;  ///< taken with the first read, given back with the end of the translation
    Time began_ = 0;
    Updates updates_ = Updates::Performed;
    bool searched_configuration_;
    bool fetched_configuration_ = false;
    std::unique_ptr<Stage1WalkCache::Found> searched1_;  ///< by a look-up for leaves, not asked for its table yet
    std::unique_ptr<Stage2WalkCache::Found> searched2_;
};

/// One read of memory.
class TimedEnvironment::Read {
public:
    Read(TimedEnvironment& environment, const arch::Fetch& fetch) : environment_(environment), fetch_(fetch) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) { environment_.reader_.start(fetch_, nullptr, handle); }
    arch::Fetched await_resume() const;

private:
    TimedEnvironment& environment_;
    const arch::Fetch& fetch_;
};

/// Descriptors from table to table, down to the first that is none.
class TimedEnvironment::Descend {
public:
    Descend(TimedEnvironment& environment, arch::Descent& walk, arch::FetchedDescriptor& last)
        : environment_(environment), walk_(walk), last_(last) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) { environment_.reader_.start(walk_.fetch, &walk_, handle); }
    void await_resume() const {
        const sim::Access& access = environment_.reader_.access();
        last_.ok = access.status == sim::Status::Ok;
        last_.raw = last_.ok ? access.word() : 0;
    }

private:
    TimedEnvironment& environment_;
    arch::Descent& walk_;
    arch::FetchedDescriptor& last_;
};

inline TimedEnvironment::Read TimedEnvironment::read(const arch::Fetch& fetch) { return {*this, fetch}; }
inline TimedEnvironment::Descend TimedEnvironment::descend(arch::Descent& walk, arch::FetchedDescriptor& last) {
    return {*this, walk, last};
}

}  // namespace smmusim::smmu::uarch
