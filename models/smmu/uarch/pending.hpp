// A client transaction inside the SMMU, from its arrival to its response, and what an invalidation does to it.
#pragma once

#include <boost/intrusive/unordered_set.hpp>
#include <memory>
#include <utility>

#include "sim/access.hpp"
#include "sim/resources.hpp"
#include "smmu/arch/commands.hpp"
#include "smmu/arch/translate.hpp"
#include "smmu/uarch/transaction_record.hpp"

namespace smmusim::smmu::uarch {

class Tbu;
struct Lane;

/// Which misses share a walk.
struct MissKey {
    u32 stream = 0;
    u32 substream = 0;
    u64 page = 0;
    bool operator==(const MissKey&) const = default;
};

/// A translation under way in the TCU; further misses to the same page join it.
struct WalkJob : sim::Pooled,
                 boost::intrusive_ref_counter<WalkJob, boost::thread_unsafe_counter>,
                 boost::intrusive::unordered_set_base_hook<sim::AutoUnlink> {
    /// `name` outlives it.
    WalkJob(sim::Simulation& simulation, const std::string& name) : done(simulation, sim::BorrowedName{name}) {}
    MissKey key;                          ///< of one that others may join
    u32 stream = 0;                       ///< on whose behalf
    bool shared = false;                  ///< others may join
    bool searched_configuration = false;  ///< time was spent in the configuration caches before
    bool tagged = false;
    bool stale = false;  ///< an invalidation covered it: nothing is kept, nobody joins any more
    bool finished = false;
    bool missed = false;  ///< has read a descriptor
    bool joined = false;  ///< somebody waits for its result
    u8 leaf_reach = 12;   ///< log2 of the range around its address that a leaf which it has found translates
    u8 path_reach = 12;   ///< the same of the first table descriptor on its way
    arch::Tags tags;
    Time arrived = 0;    ///< of the transaction at the TCU
    Time slot_wait = 0;  ///< time spent waiting for a walk slot
    sim::Signal done;
    std::unique_ptr<const arch::TranslationResult> result;  ///< if it is finished, and was joined before
};
using WalkJobPtr = boost::intrusive_ptr<WalkJob>;

/// What a hit uses comes first, in one line of the host's cache.
struct alignas(64) Pending {
    enum class State : u8 { Translating, Ready, Sent, Stalled };

    sim::Access* access = nullptr;
    Lane* lane = nullptr;  ///< null: answered, or free
    u64 sequence = 0;      ///< order of arrival at its TBU
    u64 address = 0;       ///< canonical input address
    arch::Tags tags;
    u32 stream = 0;
    u32 substream = sim::no_id;
    bool write = false;
    Hit hit = Hit::Bypass;
    bool recording = false;  ///< its record will say where its time went
    State state = State::Translating;
    bool staged = false;            ///< `stages` is of this transaction
    bool uses_translation = false;  ///< not merely GBPA: configuration, and tables if `tagged`
    bool tagged = false;
    bool global = false;
    u8 reach = 12;                 ///< log2 of the range around `address` whose invalidation covers it
    bool missed = false;           ///< counted as a miss
    bool stale = false;            ///< covered by an invalidation: its translation is not kept
    bool marked = false;           ///< CMD_SYNC waits for it
    bool translate_again = false;  ///< invalidated while held behind a stalled transaction
    bool recorded_stall = false;   ///< its record is visible: software may resume it
    u16 tag = 0xFFFF;              ///< STAG of a stalled transaction

    // Of one that a TLB alone does not answer, that waits for its turn, or is recorded.
    alignas(64) arch::Request request;
    Tbu* tbu = nullptr;  ///< of one that the TCU or the software is to answer
    WalkJobPtr job;      ///< while the TCU works for it
    Time missed_at = 0;  ///< accepted
    Time ready_at = 0;
    sim::Scheduler::Token
        token;              ///< before its turn, on the link to the TCU or back, or in the configuration caches there
    sim::Slots::Slot slot;  ///< of its TBU
    arch::ContextPtr context;  ///< that the TCU has answered with, or null
    arch::Outcome outcome;

    // Of a write, or where records are kept.
    sim::intrusive::list_member_hook<sim::AutoUnlink> write_hook;  ///< of its lane, while it is not sent
    Time arrived = 0;
    Time accounted = 0;  ///< the time before is in `stages`
    Time sending_from = 0;
    Time sent_at = 0;
    u64 output = 0;  ///< physical address with which it was sent
    StageTimes stages;

    /// As new, but for what accept() and the look-up give it.
    void renew() {
        staged = false;
        state = State::Translating;
        uses_translation = tagged = global = missed = stale = marked = translate_again = recorded_stall = false;
        reach = 12;
        tags = {};
        tag = 0xFFFF;
    }

    /// The time since the last account went to `stage`.
    void spend(Stage stage, Time until) {
        if (!recording) return;
        if (!std::exchange(staged, true)) stages = {};
        stages[stage] += until - accounted;
        accounted = until;
    }

    /// Translated, but held: something before it must go first.
    bool held() const { return state == State::Ready; }
    /// What an invalidation compares with: the walk's tags as far as they are known.
    bool covered(const arch::TranslationScope& scope) const;
    bool covered(const arch::ConfigurationScope& scope) const {
        return uses_translation && state != State::Stalled &&
               scope.covers_descriptor(stream, substream == sim::no_id ? 0 : substream);
    }
};

inline bool Pending::covered(const arch::TranslationScope& scope) const {
    if (!uses_translation || state == State::Stalled) return false;
    if (job == nullptr) return tagged && scope.covers(tags, global, address, reach);
    if (!job->tagged) return false;  // has read no descriptor yet
    // What is invalidated by one of its addresses is invalidated as a whole: a block, a set of contiguous pages; and
    // the tables on the path, if they are meant (4.4.1).
    const unsigned read = scope.leaf_only ? job->leaf_reach : std::max(job->leaf_reach, job->path_reach);
    // A walk on behalf of both stages depends on stage 2 entries of its VMID at addresses not known beforehand.
    arch::TranslationScope wide = scope;
    if (job->tags.stage2 && scope.stage2) {
        wide.stage1 = true;
        wide.match_address = wide.match_address && !job->tags.stage1;
    }
    return wide.covers(job->tags, true, address, read) || wide.covers(job->tags, false, address, read);
}

}  // namespace smmusim::smmu::uarch
