#include "pcie/uarch/link_direction.hpp"

#include <algorithm>

namespace smmusim::pcie::uarch {

LinkDirection::LinkDirection(sim::Simulation& simulation, std::string name, const LinkConfig& config,
                             const CreditConfig& credits)
    : simulation_(simulation),
      name_(std::move(name)),
      config_(config),
      framing_bytes_(spec::generation(config.generation).framing_bytes() + (config.ecrc ? spec::digest_bytes : 0)),
      wire_(spec::byte_time(config.generation, config.width, 128)) {
    const u32 limits[spec::packet_classes][2] = {
        {credits.PH, credits.PD}, {credits.NPH, credits.NPD}, {credits.CplH, credits.CplD}};
    for (unsigned index = 0; index < spec::packet_classes; ++index) {
        pools_[index].header = pools_[index].header_limit = limits[index][0];
        pools_[index].data = pools_[index].data_limit = limits[index][1];
    }
}

LinkDirection::~LinkDirection() {
    simulation_.scheduler().cancel(wire_token_);
    simulation_.scheduler().cancel(credit_token_);
}

void LinkDirection::set_payload_limit(u32 bytes) {
    wire_.set_byte_time(spec::byte_time(config_.generation, config_.width, bytes));
}

void LinkDirection::collect(Pool& pool) {
    while (!pool.returning.empty() && pool.returning.front().at <= simulation_.now()) {
        pool.header += pool.returning.front().header;
        pool.data += pool.returning.front().data;
        pool.returning.pop_front();
    }
}

void LinkDirection::wait_for_wire(Sender& sender, Time lead) {
    if (sender.wire_hook_.is_linked()) return;
    sender.lead_ = lead;
    wire_waiters_.push_back(sender);
    arm_wire();
}

void LinkDirection::arm_wire() {
    if (wire_token_ || wire_waiters_.empty()) return;
    const Time lead = wire_waiters_.front().lead_;
    const Time free = wire_.free_at();
    wire_token_ = simulation_.scheduler().at(free > lead ? free - lead : 0, &LinkDirection::wire_free, this);
}

void LinkDirection::wire_free(void* object, void*) {
    LinkDirection& direction = *static_cast<LinkDirection*>(object);
    direction.wire_token_ = {};
    if (direction.wire_waiters_.empty()) return;
    Sender& next = direction.wire_waiters_.front();
    // Something may have been sent since this was scheduled.
    if (direction.wire_.free_at() <= direction.simulation_.now() + next.lead_) {
        direction.wire_waiters_.pop_front();
        next.link_ready();
    }
    direction.arm_wire();
}

void LinkDirection::wait_for_credits(Sender& sender) {
    if (sender.credit_hook_.is_linked()) return;
    ++credit_waits_;
    credit_waiters_.push_back(sender);
    for (Pool& pool : pools_) collect(pool);  // what is back already wakes nobody
    arm_credits();
}

void LinkDirection::arm_credits() {
    Time wake = end_of_time;
    for (const Pool& pool : pools_)
        if (!pool.returning.empty()) wake = std::min(wake, pool.returning.front().at);
    if (wake >= credit_wake_) return;
    simulation_.scheduler().cancel(credit_token_);
    credit_wake_ = wake;
    credit_token_ = simulation_.scheduler().at(wake, &LinkDirection::credits_back, this);
}

void LinkDirection::credits_back(void* object, void*) {
    LinkDirection& direction = *static_cast<LinkDirection*>(object);
    direction.credit_token_ = {};
    direction.credit_wake_ = end_of_time;
    for (Pool& pool : direction.pools_) direction.collect(pool);
    CreditWaiters ready;
    ready.swap(direction.credit_waiters_);
    while (!ready.empty()) {
        Sender& next = ready.front();
        ready.pop_front();
        next.link_ready();
    }
    if (!direction.credit_waiters_.empty()) direction.arm_credits();
}

void LinkDirection::reset() {
    simulation_.scheduler().cancel(wire_token_);
    simulation_.scheduler().cancel(credit_token_);
    wire_token_ = credit_token_ = {};
    credit_wake_ = end_of_time;
    wire_.reset();
    for (Pool& pool : pools_) {
        pool.header = pool.header_limit;
        pool.data = pool.data_limit;
        pool.header_used = pool.data_used = 0;
        pool.returning.clear();
    }
    // Whoever waits may go on, if it still has something to send.
    arm_wire();
    if (credit_waiters_.empty()) return;
    credit_wake_ = simulation_.now();
    credit_token_ = simulation_.scheduler().at(credit_wake_, &LinkDirection::credits_back, this);
}

void LinkDirection::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("packets", packets_, "packets", "packets sent");
    visit.counter("bytes", wire_bytes_, "bytes", "bytes on the wire, headers and framing included");
    visit.counter("payload_bytes", payload_bytes_, "bytes", "payload sent");
    visit.counter("busy", wire_.busy(), "ps", "time in which the wire was occupied");
    visit.counter("credit_waits", credit_waits_, "waits", "times a sender found no credit");
}

}  // namespace smmusim::pcie::uarch
