// The environment of a translation that takes time: caches with latencies, walk slots, reads as bus transactions.
#pragma once

#include "smmu/uarch/tcu.hpp"

namespace smmusim::smmu::uarch {

/// The bus access of a fetch or an update of a descriptor.
sim::AccessPtr own_access(sim::AccessPool& accesses, sim::Command command, const arch::Fetch& fetch);

class TimedEnvironment {
public:
    TimedEnvironment(Tcu& tcu, WalkJob& job) : tcu_(tcu), job_(job) {}
    TimedEnvironment(const TimedEnvironment&) = delete;
    TimedEnvironment& operator=(const TimedEnvironment&) = delete;

    const spec::Identification& identification() const { return tcu_.identification_; }
    const arch::Control& control() const { return tcu_.registers_.control(); }

    sim::Task<arch::Fetched> read(const arch::Fetch fetch);
    sim::Task<arch::Fetched> update(const arch::Fetch fetch, u64 expected, u64 desired);
    sim::Task<arch::Checked<spec::Ste>> cached_ste(u32 stream);
    sim::Task<arch::Checked<spec::Cd>> cached_cd(u32 stream, u32 index);
    sim::Task<arch::TablePoint> cached_table(const arch::Tags tags, bool stage1, u64 address);
    sim::Task<arch::Checked<arch::Stage2Leaf>> cached_stage2(const arch::Tags tags, u64 ipa);
    void keep_ste(u32 stream, const spec::Ste& ste);
    void keep_cd(u32 stream, u32 index, const spec::Cd& cd);
    void keep_table(const arch::Tags& tags, bool stage1, u64 address, unsigned span, const arch::TablePoint& point);
    void keep_stage2(const arch::Tags& tags, u64 ipa, const arch::Stage2Leaf& leaf);
    void forget_stage2(const arch::Tags& tags, u64 ipa);
    void tagged(const arch::Tags& tags);
    void decided(const char*) {}
    void noted(const char*, const char*) {}
    void found_stage1(const arch::Translation&) {}
    /// False: descriptors are left alone, the answer is that of after the update.
    void set_updates(bool updates) { updates_ = updates; }

    /// Descriptor reads since the context was known, and when the first of them started.
    u64 reads() const { return reads_; }
    Time began() const { return began_; }

private:
    void trace(const arch::Fetch& fetch, const char* what, const arch::Fetched& fetched) const;

    Tcu& tcu_;
    WalkJob& job_;
    sim::Slots::Slot slot_;  ///< taken with the first read, given back with the end of the translation
    bool updates_ = true;
    bool fetched_configuration_ = false;
    u64 reads_ = 0;
    Time began_ = 0;
};

}  // namespace smmusim::smmu::uarch
