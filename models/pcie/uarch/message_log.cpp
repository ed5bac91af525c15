#include "pcie/uarch/message_log.hpp"

namespace smmusim::pcie::uarch {

/// A journey that its log can find as long as anybody holds it.
class MessageLog::Tracked final : public sim::Journey, public sim::intrusive::list_base_hook<sim::AutoUnlink> {
public:
    using Journey::Journey;
    ~Tracked() { settle(Outcome::Blocked); }
};

MessageLog::MessageLog(u32 kept) : kept_(kept), journeys_(std::make_unique<Journeys>()) {}

MessageLog::~MessageLog() {
    for (Tracked& journey : *journeys_) journey.forget();
    journeys_->clear();
}

std::shared_ptr<sim::Journey> MessageLog::begin(u32 vector, Time begin) {
    auto journey = std::make_shared<Tracked>(*this, vector, begin);
    journey->enter(sim::Journey::Part::Link, begin);
    journeys_->push_back(*journey);
    ++sent_;
    return journey;
}

void MessageLog::settled(const sim::Journey& journey) {
    using Outcome = sim::Journey::Outcome;
    if (journey.outcome() == Outcome::Delivered) {
        ++delivered_;
        return;
    }
    ++(journey.outcome() == Outcome::Coalesced ? coalesced_ : blocked_);
    keep(journey);
}

void MessageLog::signalled(const sim::Journey& journey) {
    const Time total = journey.end() - journey.begin();
    latency_.add(total);
    Time sum = 0;
    for (std::size_t part = 0; part < sim::Journey::parts; ++part) {
        const Time spent = journey.spent(static_cast<sim::Journey::Part>(part));
        part_latency_[part].add(spent);
        sum += spent;
    }
    if (sum != total) ++part_sum_mismatches_;
    keep(journey);
}

void MessageLog::keep(const sim::Journey& journey) {
    if (kept_ == 0) return;
    if (finished_.size() == kept_) finished_.pop_front();
    FinishedJourney& entry = finished_.emplace_back();
    entry.vector = journey.vector();
    entry.outcome = journey.outcome();
    entry.begin = journey.begin();
    entry.end = journey.end();
    for (std::size_t part = 0; part < sim::Journey::parts; ++part)
        entry.spent[part] = journey.spent(static_cast<sim::Journey::Part>(part));
}

void MessageLog::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("msi.sent", sent_, "messages", "messages put on the link");
    visit.counter("msi.delivered", delivered_, "messages", "messages that set an interrupt pending");
    visit.counter("msi.coalesced", coalesced_, "messages", "messages that found the interrupt pending already");
    visit.counter("msi.blocked", blocked_, "messages", "messages that did neither");
    visit.counter("msi.masked", masked_, "causes", "causes raised while masked: the pending bit was set");
    visit.counter("msi.suppressed", suppressed_, "causes", "causes not sent: interrupts or bus mastering disabled");
    visit.latency("msi.latency_ns", latency_, "first byte on the link to the CPU interface signalling it");
    static constexpr std::array<const char*, sim::Journey::parts> names{
        "msi.part.link_ns", "msi.part.interconnect_ns",  "msi.part.smmu_ns",
        "msi.part.its_ns",  "msi.part.redistributor_ns", "msi.part.cpu_interface_ns"};
    for (std::size_t part = 0; part < sim::Journey::parts; ++part)
        visit.latency(names[part], part_latency_[part], "time of a delivered message in this part");
    visit.counter("msi.part_sum_mismatches", part_sum_mismatches_, "messages",
                  "messages whose parts do not sum to their latency");
}

}  // namespace smmusim::pcie::uarch
