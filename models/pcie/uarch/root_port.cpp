#include "pcie/uarch/root_port.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "pcie/arch/cutting.hpp"

namespace smmusim::pcie::uarch {

RootPort::RootPort(sim::Simulation& simulation, const RootComplexConfig& config, std::string name, Link& link,
                   sim::Port& upstream)
    : Reporter(simulation),
      simulation_(simulation),
      config_(config),
      name_(std::move(name)),
      link_(link),
      upstream_(upstream) {}

RootPort::~RootPort() {
    for (Hop& hop : hops_) simulation_.scheduler().cancel(hop.token);
}

void RootPort::attach(Function& function, u32 stream_id, u32 device_id) {
    function.connect(*this, static_cast<u32>(attachments_.size()));
    attachments_.push_back({&function, stream_id, device_id});
}

RootPort::Hop& RootPort::take_hop() {
    if (free_hops_.empty()) {
        free_hops_.push_back(&hops_.emplace_back());
        free_hops_.back()->port = this;
    }
    Hop& hop = *free_hops_.back();
    free_hops_.pop_back();
    hop.generation = generation_;
    ++under_way_;
    return hop;
}

void RootPort::release(Hop& hop) {
    hop.access = nullptr;
    if (hop.generation == generation_) --under_way_;
    free_hops_.push_back(&hop);
}

// Upstream

void RootPort::request(u32 function, sim::Access& access, const spec::Packet& packet, Time at) {
    const Attachment& attachment = attachments_[function];
    access.attributes.requester_id = attachment.function->global_id();
    access.attributes.stream_id = attachment.stream_id;
    access.attributes.device_id = attachment.device_id;
    Hop& hop = take_hop();
    hop.access = &access;
    hop.function = function;
    hop.packet = packet;
    if (access.is_write()) {
        ++writes_;
        hop.sequence = posted_oldest_ + posted_.size();
        posted_.push_back(end_of_time);
    } else {
        ++reads_;
    }
    access.push(hop);
    // One link delivers in order of time, so that it may be passed on ahead; several do not.
    if (shared_) hop.token = simulation_.scheduler().at(at, &RootPort::pass_on, this, &hop);
    else send_upstream(hop, at);
}

void RootPort::pass_on(void* object, void* argument) {
    RootPort& port = *static_cast<RootPort*>(object);
    Hop& hop = *static_cast<Hop*>(argument);
    hop.token = {};
    port.send_upstream(hop, port.simulation_.now());
}

void RootPort::send_upstream(Hop& hop, Time at) {
    sim::Access& access = *hop.access;
    const Time passed = at + config_.request_latency;
    if (access.journey) access.journey->leave(sim::Journey::Part::Link, passed);
    // A read leaves its buffer when it is passed on, and there is room for it; a write keeps it until it is visible.
    if (!access.is_write()) {
        if (holds_) access.acceptance = &hop;
        else link_.up().give_back(hop.packet, passed);
    }
    upstream_.send(access, passed);
}

void RootPort::accepted(const Hop& hop, Time at) {
    if (hop.generation == generation_) link_.up().give_back(hop.packet, at);
}

void RootPort::answered(Hop& hop, sim::Access& access, Time at) {
    const bool current = hop.generation == generation_;
    if (access.is_write()) {
        if (current) visible(hop, at);
        release(hop);
        access.respond(at);
        return;
    }
    hop.token = simulation_.scheduler().at(at + config_.completion_latency, &RootPort::completion_ready, this, &hop);
}

void RootPort::visible(Hop& hop, Time at) {
    link_.up().give_back(hop.packet, at);
    posted_[hop.sequence - posted_oldest_] = at;
    while (!posted_.empty() && posted_.front() != end_of_time) {
        visible_until_ = std::max(visible_until_, posted_.front());
        posted_.pop_front();
        ++posted_oldest_;
        while (!pushing_.empty() && pushing_.front().request->ordered_behind <= posted_oldest_) {
            const Pushing next = pushing_.front();
            pushing_.pop_front();
            answer(*next.request, next.request->access->status, std::max(next.ready, visible_until_));
        }
    }
}

void RootPort::completion_ready(void* object, void* argument) {
    RootPort& port = *static_cast<RootPort*>(object);
    Hop& hop = *static_cast<Hop*>(argument);
    hop.token = {};
    if (hop.generation != port.generation_ || hop.access->abandoned()) {
        sim::Access& access = *hop.access;
        port.release(hop);
        access.respond(sim::Status::Timeout, port.simulation_.now());
        return;
    }
    Item item;
    item.hop = &hop;
    item.function = port.attachments_[hop.function].function;
    item.address = hop.access->address;
    // An unsuccessful completion has no data.
    const sim::Status status = hop.access->status;
    item.remaining = sim::succeeded(status) || status == sim::Status::Poisoned ? hop.access->size : 0;
    port.enqueue(spec::PacketClass::Completion, item);
}

void RootPort::completion(DownstreamRequest& request, Time at) {
    // A completion does not pass posted requests ahead of it: a CPU that reads a register of a device finds the
    // device's earlier writes in memory.
    const Time ready = at + config_.completion_latency;
    request.ordered_behind = posted_oldest_ + posted_.size();
    if (posted_.empty()) answer(request, request.access->status, std::max(ready, visible_until_));
    else pushing_.push_back({&request, ready});
}

void RootPort::performed(DownstreamRequest& request, Time at) { answer(request, request.access->status, at); }

void RootPort::answer(DownstreamRequest& request, sim::Status status, Time at) {
    owner_->answered(request, status, at);
}

// Downstream

void RootPort::forward(Function& function, DownstreamRequest& request) {
    ++requests_;
    Item item;
    item.request = &request;
    item.function = &function;
    item.address = request.access->address;
    item.remaining = request.access->size;
    enqueue(request.posted() ? spec::PacketClass::Posted : spec::PacketClass::NonPosted, item);
}

/// Bytes that the next packet of an item is about.
inline u32 RootPort::piece_of(const Item& item) const {
    if (item.hop != nullptr) {
        const u32 boundary = config_.cut_at_rcb ? config_.rcb : item.function->max_payload();
        return item.remaining == 0 ? 0 : arch::first_completion(item.address, item.remaining, boundary);
    }
    if (!item.request->posted()) return static_cast<u32>(item.remaining);
    return arch::first_request(item.address, item.remaining, item.function->max_payload());
}

inline spec::Packet RootPort::packet_of(const Item& item, u32 piece) const {
    if (item.hop != nullptr) return piece == 0 ? spec::completion() : spec::completion_with_data(item.address, piece);
    const bool write = item.request->access->is_write();
    if (item.request->space == RegisterSpace::Configuration) return write ? spec::config_write() : spec::config_read();
    return write ? spec::memory_write(item.address, piece, false) : spec::memory_read(item.address, false);
}

void RootPort::enqueue(spec::PacketClass packet_class, Item& item) {
    item.sequence = ++item_sequence_;
    if (queues_[0].empty() && queues_[1].empty() && queues_[2].empty()) {
        // Nothing is ahead of it: it leaves at once, as far as the credits reach.
        for (;;) {
            const u32 piece = piece_of(item);
            const spec::Packet packet = packet_of(item, piece);
            if (!link_.down().affordable(packet)) break;
            if (transmit(item, piece, packet)) return;
        }
    }
    queues_[static_cast<u8>(packet_class)].push_back(item);
    drain();
}

void RootPort::drain() {
    for (;;) {
        std::deque<Item>* best = nullptr;
        spec::Packet best_packet;
        u32 best_piece = 0;
        bool out_of_credit = false;
        const std::deque<Item>& posted = queues_[static_cast<u8>(spec::PacketClass::Posted)];
        for (std::deque<Item>& queue : queues_) {
            if (queue.empty()) continue;
            const Item& item = queue.front();
            // Table of ordering rules: neither requests nor completions pass an earlier posted request; posted
            // requests and completions pass a blocked non-posted one.
            if (&queue != &posted && !posted.empty() && posted.front().sequence < item.sequence) continue;
            if (best != nullptr && best->front().sequence < item.sequence) continue;
            const u32 piece = piece_of(item);
            const spec::Packet packet = packet_of(item, piece);
            if (!link_.down().affordable(packet)) {
                out_of_credit = true;
                continue;
            }
            best = &queue;
            best_packet = packet;
            best_piece = piece;
        }
        if (best != nullptr) {
            Item item = best->front();
            best->pop_front();
            if (!transmit(item, best_piece, best_packet)) best->push_front(item);
            continue;
        }
        if (out_of_credit) link_.down().wait_for_credits(*this);
        return;
    }
}

bool RootPort::transmit(Item& item, u32 piece, const spec::Packet& packet) {
    const LinkDirection::Sent sent = link_.down().send(packet, simulation_.now());
    if (sim::Trace* const trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Packet))
        trace->line(sim::Trace::Kind::Packet, sent.start, name_,
                    fmt::format("{} {:#x} +{}", item.hop != nullptr ? "Cpl" : "Req", item.address, piece));
    item.address += piece;
    item.remaining -= piece;
    if (item.remaining != 0) {
        link_.down().give_back(packet, sent.arrival);
        return false;
    }
    if (item.hop != nullptr) {
        link_.down().give_back(packet, sent.arrival);
        sim::Access& access = *item.hop->access;
        release(*item.hop);
        access.respond(sent.arrival);
    } else {
        item.request->packet = packet;
        item.function->request(*item.request, sent.arrival);
    }
    return true;
}

void RootPort::reset() {
    ++generation_;
    under_way_ = 0;
    link_.reset();
    posted_oldest_ += posted_.size();
    posted_.clear();
    visible_until_ = 0;
    std::vector<DownstreamRequest*> dropped;
    for (const Pushing& waiting : pushing_) dropped.push_back(waiting.request);
    pushing_.clear();
    for (std::deque<Item>& queue : queues_) {
        for (const Item& item : queue) {
            if (item.request != nullptr) {
                dropped.push_back(item.request);
                continue;
            }
            sim::Access& access = *item.hop->access;
            release(*item.hop);
            access.respond(sim::Status::Timeout, simulation_.now());
        }
        queue.clear();
    }
    for (DownstreamRequest* request : dropped) answer(*request, sim::Status::Timeout, simulation_.now());
}

void RootPort::report(std::string& text) const {
    if (under_way_ != 0) text += fmt::format("{}: {} requests of functions wait for their answer\n", name_, under_way_);
    u64 queued = 0;
    for (const std::deque<Item>& queue : queues_) queued += queue.size();
    if (queued != 0) text += fmt::format("{}: {} packets wait for credits of {}\n", name_, queued, link_.down().name());
    if (!pushing_.empty())
        text += fmt::format("{}: {} answers of registers wait for {} earlier writes to become visible\n", name_,
                            pushing_.size(), posted_.size());
}

void RootPort::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("reads", reads_, "packets", "read requests passed upstream");
    visit.counter("writes", writes_, "packets", "writes passed upstream, messages included");
    visit.counter("requests", requests_, "requests", "register accesses sent down");
}

}  // namespace smmusim::pcie::uarch
