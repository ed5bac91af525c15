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

RootPort::~RootPort() { simulation_.scheduler().cancel_all(this); }

void RootPort::attach(Function& function, u32 stream_id, u32 device_id) {
    function.connect(*this, static_cast<u32>(attachments_.size()));
    attachments_.push_back({&function, function.global_id(), stream_id, device_id});
}

// Upstream

namespace {
/// The packet that has brought a request, as far as its credits go: of the address only bits 1:0 matter, which nobody
/// changes on the way.
spec::Packet brought_by(const sim::Access& access) {
    return access.is_write() ? spec::memory_write(access.address, access.size, false)
                             : spec::memory_read(access.address, false);
}
}  // namespace

void RootPort::request(u32 function, sim::Access& access, Time at) {
    const Attachment& attachment = attachments_[function];
    access.attributes.requester_id = attachment.requester_id;
    access.attributes.stream_id = attachment.stream_id;
    access.attributes.device_id = attachment.device_id;
    ++under_way_;
    if (access.is_write()) {
        ++writes_;
        access.scratch() = posted_oldest_ + posted_.size();
        posted_.push_back(end_of_time);
    } else {
        ++reads_;
        access.scratch() = note_of(function);
    }
    access.push(*this);
    // One link delivers in order of time, so that it may be passed on ahead; several do not.
    if (shared_) [[unlikely]]
        simulation_.scheduler().at(at, &RootPort::pass_on, this, &access);
    else send_upstream(access, at);
}

void RootPort::pass_on(void* object, void* access) {
    RootPort& port = *static_cast<RootPort*>(object);
    port.send_upstream(*static_cast<sim::Access*>(access), port.simulation_.now());
}

void RootPort::send_upstream(sim::Access& access, Time at) {
    const Time passed = at + config_.request_latency;
    if (access.has_journey()) [[unlikely]]
        access.journey()->leave(sim::Journey::Part::Link, passed);
    // A read leaves its buffer when it is passed on, and there is room for it; a write keeps it until it is visible.
    if (!access.is_write()) {
        if (holds_) access.announce_to(*this);
        else link_.up().give_back(brought_by(access), passed);
    }
    upstream_.send(access, passed);
}

void RootPort::accepted(sim::Access& access, Time at) {
    if (current(access.left_by(*this))) link_.up().give_back(brought_by(access), at);
}

void RootPort::complete(sim::Access& access, Time at) {
    if (!access.is_write()) {
        simulation_.scheduler().at(at + config_.completion_latency, &RootPort::completion_ready, this, &access);
        return;
    }
    // A reset has forgotten those before it.
    if (access.scratch() >= posted_oldest_) {
        --under_way_;
        visible(access, at);
    }
    access.respond(at);
}

void RootPort::visible(const sim::Access& write, Time at) {
    link_.up().give_back(brought_by(write), at);
    posted_[write.scratch() - posted_oldest_] = at;
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

/// The requester, or the port, has forgotten it.
void RootPort::give_up(sim::Access& read) {
    release(read.scratch());
    read.respond(sim::Status::Timeout, simulation_.now());
}

/// Bytes that the next completion of a read is about, which has `remaining` bytes left.
inline u32 RootPort::completion_piece(const Function& function, u64 address, u64 remaining) const {
    if (remaining == 0) return 0;
    return arch::first_completion(address, remaining, config_.cut_at_rcb ? config_.rcb : function.max_payload());
}

inline spec::Packet RootPort::completion_packet(u64 address, u32 piece) {
    return piece == 0 ? spec::completion() : spec::completion_with_data(address, piece);
}

/// Sends a packet that can be afforded; gives the time of its arrival.
inline Time RootPort::put_on_wire(const spec::Packet& packet, const char* kind, u64 address, u32 piece) {
    const LinkDirection::Sent sent = link_.down().send(packet, simulation_.now());
    if (simulation_.trace() != nullptr) [[unlikely]]
        trace_packet(sent.start, kind, address, piece);
    return sent.arrival;
}

void RootPort::trace_packet(Time at, const char* kind, u64 address, u32 piece) {
    if (!simulation_.trace()->wants(sim::Trace::Kind::Packet)) return;
    simulation_.trace()->line(sim::Trace::Kind::Packet, at, name_, fmt::format("{} {:#x} +{}", kind, address, piece));
}

/// The last completion of a read arrives.
inline void RootPort::deliver(sim::Access& read, Time arrival) {
    release(read.scratch());
    read.respond(arrival);
}

void RootPort::completion_ready(void* object, void* argument) {
    RootPort& port = *static_cast<RootPort*>(object);
    sim::Access& read = *static_cast<sim::Access*>(argument);
    if (!port.current(read.scratch()) || read.abandoned()) [[unlikely]] {
        port.give_up(read);
        return;
    }
    Function& function = *port.attachments_[static_cast<u32>(read.scratch())].function;
    u64 address = read.address;
    // An unsuccessful completion has no data.
    u32 remaining = sim::succeeded(read.status) || read.status == sim::Status::Poisoned ? read.size : 0;
    // If nothing is ahead of it, it leaves at once, as far as the credits reach.
    LinkDirection& down = port.link_.down();
    while (port.queued_ == 0) {
        const u32 piece = port.completion_piece(function, address, remaining);
        const spec::Packet packet = completion_packet(address, piece);
        if (!down.affordable(packet)) [[unlikely]]
            break;
        const Time arrival = port.put_on_wire(packet, "Cpl", address, piece);
        down.give_back(packet, arrival);
        if (piece == remaining) {
            port.deliver(read, arrival);
            return;
        }
        address += piece;
        remaining -= piece;
    }
    Item item;
    item.read = &read;
    item.function = &function;
    item.address = address;
    item.remaining = remaining;
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
u32 RootPort::piece_of(const Item& item) const {
    if (item.read != nullptr) return completion_piece(*item.function, item.address, item.remaining);
    if (!item.request->posted()) return static_cast<u32>(item.remaining);
    return arch::first_request(item.address, item.remaining, item.function->max_payload());
}

spec::Packet RootPort::packet_of(const Item& item, u32 piece) const {
    if (item.read != nullptr) return completion_packet(item.address, piece);
    const bool write = item.request->access->is_write();
    if (item.request->space == RegisterSpace::Configuration) return write ? spec::config_write() : spec::config_read();
    return write ? spec::memory_write(item.address, piece, false) : spec::memory_read(item.address, false);
}

bool RootPort::transmit(Item& item, u32 piece, const spec::Packet& packet) {
    const Time arrival = put_on_wire(packet, item.read != nullptr ? "Cpl" : "Req", item.address, piece);
    const bool last = piece == item.remaining;
    item.address += piece;
    item.remaining -= piece;
    // The last packet of a request is given back by the function.
    if (item.read != nullptr || !last) link_.down().give_back(packet, arrival);
    if (!last) return false;
    if (item.read != nullptr) {
        deliver(*item.read, arrival);
    } else {
        item.request->packet = packet;
        item.function->request(*item.request, arrival);
    }
    return true;
}

void RootPort::enqueue(spec::PacketClass packet_class, Item& item) {
    item.sequence = ++item_sequence_;
    queues_[static_cast<u8>(packet_class)].push_back(item);
    ++queued_;
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
            --queued_;
            if (!transmit(item, best_piece, best_packet)) {
                best->push_front(item);
                ++queued_;
            }
            continue;
        }
        if (out_of_credit) link_.down().wait_for_credits(*this);
        return;
    }
}

void RootPort::reset() {
    ++resets_;
    under_way_ = 0;
    stop_waiting();
    for (const Attachment& attachment : attachments_) attachment.function->forget_requests();
    link_.reset();
    posted_oldest_ += posted_.size();
    posted_.clear();
    visible_until_ = 0;
    pushing_.clear();
    for (std::deque<Item>& queue : queues_) {
        for (const Item& item : queue)
            if (item.read != nullptr) give_up(*item.read);
        queue.clear();
    }
    queued_ = 0;
}

void RootPort::report(std::string& text) const {
    if (under_way_ != 0) text += fmt::format("{}: {} requests of functions wait for their answer\n", name_, under_way_);
    if (queued_ != 0)
        text += fmt::format("{}: {} packets wait for credits of {}\n", name_, queued_, link_.down().name());
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
