// What became of each message a function sent: counts, latencies, and the way in parts.
#pragma once

#include <deque>
#include <memory>

#include "sim/journey.hpp"
#include "sim/simulation.hpp"
#include "sim/statistics.hpp"

namespace smmusim::pcie::uarch {

/// A finished message.
struct FinishedJourney {
    u32 vector = 0;
    sim::Journey::Outcome outcome = sim::Journey::Outcome::Underway;
    Time begin = 0;  ///< first byte on the link
    Time end = 0;    ///< signalled; 0 unless delivered
    std::array<Time, sim::Journey::parts> spent{};
};

class MessageLog final : public sim::JourneyObserver {
public:
    explicit MessageLog(u32 kept);
    ~MessageLog() override;
    MessageLog(const MessageLog&) = delete;
    MessageLog& operator=(const MessageLog&) = delete;

    /// Begins the journey of a message whose first byte is on the link at `begin`. When the last holder lets go of a
    /// journey that nobody settled, the message did neither: it counts as blocked.
    std::shared_ptr<sim::Journey> begin(u32 vector, Time begin);

    /// A cause that was raised but not sent.
    void count_masked() { ++masked_; }
    void count_suppressed() { ++suppressed_; }

    /// The latest finished messages, oldest first.
    const std::deque<FinishedJourney>& finished() const { return finished_; }
    void forget_finished() { finished_.clear(); }

    u64 sent() const { return sent_; }
    u64 delivered() const { return delivered_; }
    u64 coalesced() const { return coalesced_; }
    u64 blocked() const { return blocked_; }
    u64 part_sum_mismatches() const { return part_sum_mismatches_; }
    const sim::Histogram& latency() const { return latency_; }

    void settled(const sim::Journey& journey) override;
    void signalled(const sim::Journey& journey) override;

    void statistics(sim::StatisticsVisitor& visit);

private:
    class Tracked;
    using Journeys = sim::intrusive::list<Tracked, sim::intrusive::constant_time_size<false>>;

    void keep(const sim::Journey& journey);

    u32 kept_;
    std::unique_ptr<Journeys> journeys_;  ///< those that somebody still holds
    std::deque<FinishedJourney> finished_;
    u64 sent_ = 0;
    u64 delivered_ = 0;
    u64 coalesced_ = 0;
    u64 blocked_ = 0;
    u64 masked_ = 0;
    u64 suppressed_ = 0;
    u64 part_sum_mismatches_ = 0;
    sim::Histogram latency_;
    std::array<sim::Histogram, sim::Journey::parts> part_latency_;
};

}  // namespace smmusim::pcie::uarch
