// A translation buffer unit: accepts client transactions, answers hits, asks the TCU about misses, keeps order, sends.
#pragma once

#include <boost/circular_buffer.hpp>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "sim/clock.hpp"
#include "sim/pool.hpp"
#include "sim/ring.hpp"
#include "sim/statistics.hpp"
#include "smmu/uarch/config.hpp"
#include "smmu/uarch/pending.hpp"
#include "smmu/uarch/pmcg_tap.hpp"
#include "smmu/uarch/tlb.hpp"

namespace smmusim::smmu::uarch {

/// What a TBU asks of the rest of the SMMU.
class TranslationService {
public:
    /// The TCU translates what no TLB could: gives the transaction its outcome, and its TBU an answer.
    virtual void translate(Pending& pending) = 0;
    /// A fault of a transaction that has been terminated.
    virtual void record(const arch::Outcome& outcome) = 0;
    /// A transaction whose fault stalls it: waits until retry() or abort_stalled() of its TBU.
    virtual void stall(Pending& pending) = 0;
    /// The same object at any time, as is the next.
    virtual const arch::Control& control() const = 0;
    virtual const spec::Identification& identification() const = 0;
    /// A marked transaction is finished at `at`.
    virtual void finished(Time at) = 0;

protected:
    ~TranslationService() = default;
};

/// The transactions of one requester between arrival and response, in the order in which they may be sent.
struct Lane {
    using Writes = sim::intrusive::list<
        Pending,
        sim::intrusive::member_hook<Pending, sim::intrusive::list_member_hook<sim::AutoUnlink>, &Pending::write_hook>,
        sim::intrusive::constant_time_size<false>>;
    u64 key = 0;
    u32 in_flight = 0;
    Time last_sent = 0;
    Writes writes;                       ///< not sent yet, in order of arrival
    std::map<u64, Pending*> held_reads;  ///< translated, behind a write; by order of arrival
    u32 stalled_writes = 0;
};

class Tbu final : public sim::Target, public sim::Initiator {
public:
    Tbu(sim::Simulation& simulation, std::string name, const TbuConfig& config, const sim::Clock& clock,
        TranslationService& service, sim::Port& output);
    ~Tbu();

    void receive(sim::Access& access, Time at) override;
    Time perform(sim::Access& access) override;
    void inspect(sim::Access& access) override;
    void complete(sim::Access& access, Time at) override;

    /// The TCU's answer to a miss: its outcome is set; `context` may be kept, or is null.
    void answered(Pending& pending, arch::ContextPtr context);
    /// A stalled transaction starts again as if new (CMD_RESUME), or ends.
    void retry(Pending& pending);
    void end_stalled(Pending& pending, arch::Disposition disposition);
    /// Whether the transaction cannot be sent before a stalled one of its requester.
    static bool behind_stalled(const Pending& pending);

    void invalidate(const arch::TranslationScope& scope);
    void invalidate(const arch::ConfigurationScope& scope);
    /// Calls `visitor(pending)` for each transaction in flight, and `ending(at)` for those whose response is on its
    /// way.
    template <class Visitor, class Ending>
    void for_each_in_flight(Visitor visitor, Ending ending);
    /// What the TLBs would answer now, for inspection.
    const arch::Translation* peek(const arch::Request& request, arch::ContextPtr& context);
    /// Nothing is cached and nothing in flight.
    bool dormant() const {
        return in_flight() == 0 && waiting_.empty() && contexts_.size() == 0 && utlb_.size() == 0 && tlb_.size() == 0;
    }
    const sim::Clock& clock() const { return clock_; }
    sim::Slots& translation_slots() { return translation_slots_; }
    /// The newest transactions that have ended, oldest first; as many as the configuration keeps.
    std::vector<TransactionRecord> records() const { return {records_.begin(), records_.end()}; }
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

    /// Answers functionally, without any cache.
    void set_functional(std::function<arch::Outcome(const arch::Request&, bool effective)> functional) {
        functional_ = std::move(functional);
    }

    u64 transactions = 0;
    u64 misses = 0;
    EventTap events;

private:
    struct StreamKey {
        u32 stream = 0;
        u32 substream = 0;
        bool operator==(const StreamKey&) const = default;
        u64 hash() const { return stream + tag_mix(substream); }
    };
    struct Ending {
        Time at;
        Pending* pending;
    };
    static constexpr std::size_t most_ended = 64;

    static void arrived(void* tbu, void* access);
    /// Accepts the access, now or when there is room.
    void take(sim::Access& access);
    void accept(sim::Access& access, Time arrived);
    /// There is room for one more; `reset_count`: resets before the one that leaves was answered.
    static void left(void* tbu, void* reset_count);
    enum class Found : u8 {
        Nothing,
        Passage,
        Outcome,  ///< of an override or a bypass: it is in `found_`
    };
    struct Answer {
        Found found;
        Time at;
    };
    /// What the TLBs or the registers answer, and when.
    Answer look_up(Pending& pending, const arch::Request& request, arch::Passage& passage, Time at);
    Answer look_up_translation(Pending& pending, const arch::StreamContext& context, const arch::Request& effective,
                               arch::Passage& passage, Time at);
    Answer look_up_overridden(Pending& pending, const arch::StreamContext& context, arch::Request request, Time at);
    Answer look_up_nothing(Pending& pending, arch::Request request, Time at);
    static bool behind_a_write(const Pending& pending);
    /// The way of a miss: a translation slot, the link to the TCU, its answer, the link back.
    void ask(Pending& pending, Time looked_up, Time began);
    sim::Task<> wait_for_slot(Pending& pending);
    void leave(Pending& pending);
    static void arrived_at_tcu(void* tbu, void* pending);
    static void returned(void* tbu, void* pending);
    /// Goes on with `next` when a message has crossed the link.
    void cross_link(Pending& pending, Time from, sim::Scheduler::Function next);
    void keep(const arch::ContextPtr& context, const StreamKey& key);
    void fill(Pending& pending, const arch::ContextPtr& context);
    /// `outcome` need not outlive the call.
    void ready(Pending& pending, const arch::Outcome& outcome, Time at);
    /// Status and data of a transaction that does not proceed.
    static void answer(sim::Access& access, const arch::Outcome& outcome);
    /// One that proceeds: sends it, if nothing is before it.
    void pass(Pending& pending, const arch::Passage& passage, Time at);
    void send(Pending& pending, Time ready_at);
    void send_released(Lane& lane);
    /// Ends a use of the lane; the last one removes it.
    void drop(Lane& lane);
    /// Looks up when it is its turn.
    void start(Pending& pending, const arch::Request& request);
    void wait_for_turn(Pending& pending, arch::Request request, Time turn);
    static void turn_came(void* tbu, void* pending);
    void translate(Pending& pending, const arch::Request& request, Time began);
    void terminate(Pending& pending, const arch::Outcome& found, Time at);
    void stall(Pending& pending, const arch::Outcome& outcome);
    /// Takes what waits behind a stalled transaction out of the account of CMD_SYNC: it is translated again.
    void unmark(Pending& pending);
    void unmark_behind(Lane& lane);
    void release(Pending& pending, Time at);
    void keep_record(Pending& pending, Time at);
    /// Accepted and not answered.
    std::size_t in_flight() const { return pool_.in_use() - ending_.size(); }
    bool ended() const { return !ending_.empty() && ending_.front().at <= simulation_.now(); }
    /// Those whose response has arrived are free.
    void reap() {
        while (ended()) {
            pool_.give_back(*ending_.front().pending);
            ending_.pop_front();
        }
    }
    /// One whose response has arrived serves again; after many at a time the rest of them are given back.
    Pending& allocate() {
        if (ending_.size() > most_ended) [[unlikely]]
            reap();
        Pending* pending = nullptr;
        if (ended()) [[likely]] {
            pending = ending_.front().pending;
            ending_.pop_front();
        } else {
            pending = &pool_.take();
        }
        pending->renew();
        return *pending;
    }
    Lane& lane_of(const sim::Attributes& attributes) {
        // A raw requester has no RequesterID: its stream is its identity.
        const u64 key =
            attributes.requester_id != sim::no_id ? attributes.requester_id : u64{1} << 32 | attributes.stream_id;
        if (latest_lane_ == nullptr || latest_lane_->key != key) {
            latest_lane_ = &lanes_[key];
            latest_lane_->key = key;
        }
        return *latest_lane_;
    }

    sim::Simulation& simulation_;
    std::string name_;
    TbuConfig config_;
    const sim::Clock& clock_;
    TranslationService& service_;
    const arch::Control& control_;
    const spec::Identification& id_;
    sim::Port& output_;
    sim::Slots translation_slots_;
    sim::Scope scope_;
    sim::Pipe accept_;
    Tlb utlb_;
    Tlb tlb_;
    sim::AssocCache<StreamKey, arch::ContextPtr> contexts_;
    u32 utlb_cycles_;  ///< of a look-up; of a TLB that is not there 0
    u32 tlb_cycles_;
    std::function<arch::Outcome(const arch::Request&, bool)> functional_;

    sim::Pool<Pending> pool_;
    struct Waiting {
        sim::Access* access;
        Time arrived;
    };
    std::deque<Waiting> waiting_;  ///< for room
    u64 held_ = 0;                 ///< only of a TBU that can be full
    std::uintptr_t resets_ = 0;
    sim::Ring<Ending> ending_;  ///< answered; the response arrives at `at`
    arch::Outcome found_;       ///< by the latest look-up of Found::Outcome
    std::unordered_map<u64, Lane> lanes_;
    Lane* latest_lane_ = nullptr;  ///< most accesses are of the requester of the one before
    boost::circular_buffer_space_optimized<TransactionRecord> records_;
    u64 sequence_ = 0;

    sim::Histogram room_wait_;
    u64 utlb_hits_ = 0;
    u64 tlb_hits_ = 0;
    u64 late_hits_ = 0;
    u64 aborted_ = 0;
    u64 stalled_ = 0;
    u64 translation_requests_ = 0;
    u64 translated_passed_ = 0;
    sim::Histogram slot_wait_;
    sim::Histogram hit_latency_;
    sim::Histogram miss_latency_;
};

template <class Visitor, class EndingVisitor>
void Tbu::for_each_in_flight(Visitor visitor, EndingVisitor ending) {
    reap();
    std::size_t left = in_flight();
    for (auto place = pool_.all().begin(); left != 0; ++place) {
        if (place->lane == nullptr) continue;
        visitor(*place);
        --left;
    }
    for (const Ending& entry : ending_)
        if (entry.at > simulation_.now()) ending(*entry.pending, entry.at);
}

}  // namespace smmusim::smmu::uarch
