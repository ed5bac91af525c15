#include "memory/interconnect.hpp"

#include <algorithm>

#include "memory/atomic.hpp"

namespace smmusim::memory {

using sim::Access;
using sim::Command;
using sim::Journey;
using sim::Status;
using sim::TransactionClass;

/// One entrance; the answers to writes whose order is kept come back to the one by which they came.
class Interconnect::Ingress final : public sim::Target, public sim::Initiator {
public:
    Ingress(Interconnect& owner, u64 number) : owner_(owner), number_(number) {}

    void receive(Access& access, Time at) override;
    Time perform(Access& access) override { return owner_.perform(access); }
    void inspect(Access& access) override { owner_.inspect(access); }
    void complete(Access& access, Time at) override;

    Interconnect& owner() const { return owner_; }
    u64 number() const { return number_; }

private:
    Interconnect& owner_;
    u64 number_;
};

Interconnect::Interconnect(sim::Simulation& simulation, const InterconnectConfig& config, std::string name)
    : simulation_(simulation),
      name_(std::move(name)),
      request_latency_(config.request_latency),
      response_latency_(config.response_latency),
      scope_(simulation, name_) {}

Interconnect::~Interconnect() = default;

sim::Target& Interconnect::add_ingress() {
    ingresses_.push_back(std::make_unique<Ingress>(*this, ingresses_.size()));
    return *ingresses_.back();
}

void Interconnect::map(std::string region, u64 base, u64 size, sim::Port& port) {
    auto known = std::find(targets_.begin(), targets_.end(), &port);
    if (known == targets_.end()) known = targets_.insert(known, &port);
    map_.add({base, size, std::move(region), static_cast<u32>(known - targets_.begin())});
}

bool Interconnect::ordered(const Access& access) {
    const sim::Attributes& attributes = access.attributes;
    const bool device = attributes.transaction_class == TransactionClass::Data ||
                        attributes.transaction_class == TransactionClass::Message;
    return device && (attributes.requester_id != sim::no_id || attributes.stream_id != sim::no_id);
}

bool Interconnect::relaxed(const Access& access) {
    // An MSI is never relaxed, whatever its sender says.
    return access.command == Command::Write && access.attributes.relaxed_ordering &&
           access.attributes.transaction_class == TransactionClass::Data;
}

bool Interconnect::counted(const Access& access) { return access.command == Command::Write && ordered(access); }

u64 Interconnect::key_of(const Ingress& ingress, const Access& access) {
    const bool by_requester = access.attributes.requester_id != sim::no_id;
    const u64 id = by_requester ? access.attributes.requester_id : access.attributes.stream_id;
    return ingress.number() << 33 | u64{by_requester} << 32 | id;
}

void Interconnect::receive(Ingress& ingress, Access& access, Time at) {
    if (at <= simulation_.now()) {
        arrive({&access, &ingress, at});
        return;
    }
    if (ordered(access)) {
        const u64 key = key_of(ingress, access);
        Requester& requester = requesters_[key];
        requester.key = key;
        ++requester.arriving;
    }
    simulation_.scheduler().at(at, &Interconnect::arrive_event, &ingress, &access);
}

/// One requester's accesses come here in order of time: when none of them is under way, and no atomic, a read waits
/// for nothing. (An atomic that begins before the read arrives does not hold it: the read sees what memory holds when
/// it gets there, the old value or the new one.)
bool Interconnect::may_pass(const Ingress& ingress, const Access& access) const {
    if (access.command != Command::Read || !lines_.empty()) return false;
    return requesters_.empty() || !ordered(access) || !requesters_.contains(key_of(ingress, access));
}

/// A read of which nothing is in the way.
inline void Interconnect::pass(Access& access, const Region& region, Time at) {
    ++reads_;
    access.delay_answer(response_latency_);
    targets_[region.target]->send(access, at + request_latency_);
}

void Interconnect::receive_otherwise(Ingress& ingress, Access& access, Time at) {
    if (access.has_journey()) access.journey()->enter(Journey::Part::Interconnect, at);
    const Region* const region = may_pass(ingress, access) ? map_.find(access.address, access.size) : nullptr;
    if (region != nullptr) pass(access, *region, at);
    else receive(ingress, access, at);
}

void Interconnect::Ingress::receive(Access& access, Time at) {
    // Most accesses are reads that meet nothing, of the region of the one before.
    const Region* const region = owner_.map_.latest();
    const bool plain = access.command == Command::Read && owner_.lines_.empty() && owner_.requesters_.empty() &&
                       region != nullptr && region->contains(access.address, access.size);
    if (plain) [[likely]]
        owner_.pass(access, *region, at);
    else owner_.receive_otherwise(*this, access, at);
}

void Interconnect::Ingress::complete(Access& access, Time at) { owner_.written(*this, access, at); }

void Interconnect::arrive_event(void* object, void* argument) {
    Ingress& ingress = *static_cast<Ingress*>(object);
    Access& access = *static_cast<Access*>(argument);
    Interconnect& self = ingress.owner();
    if (!ordered(access)) {
        self.arrive({&access, &ingress, self.simulation_.now()});
        return;
    }
    const auto known = self.requesters_.find(key_of(ingress, access));
    self.arrive({&access, &ingress, self.simulation_.now()});
    if (known == self.requesters_.end()) return;  // forgotten by a reset
    --known->second.arriving;                     // until here it has kept the record
    self.forget_if_done(known->second);
}

void Interconnect::arrive(Item item) {
    switch (item.access->command) {
        case Command::Read: ++reads_; break;
        case Command::Write: ++writes_; break;
        case Command::Atomic: ++atomics_; break;
    }
    admit(item);
}

void Interconnect::admit(Item item) {
    Access& access = *item.access;
    const Region* const region = map_.find(access.address, access.size);
    if (region == nullptr) {
        ++decode_errors_;
        refuse(item, Status::Unsupported);
        return;
    }
    Requester* requester = nullptr;
    if (ordered(access)) {
        const u64 key = key_of(*item.ingress, access);
        // A read of a requester without writes on their way leaves no trace.
        const auto known = requesters_.find(key);
        if (known != requesters_.end()) requester = &known->second;
        const bool overtaken = requester != nullptr && !requester->waiting.empty() && !relaxed(access);
        if (overtaken || must_wait(requester, access, region->target)) {
            ++order_waits_;
            requester->waiting.push_back(item);
            return;
        }
        if (requester == nullptr && counted(access)) {
            requester = &requesters_[key];
            requester->key = key;
        }
    }
    if (Line* const line = line_of(access)) {
        ++line_waits_;
        if (requester == nullptr) {
            line->parked.push_back({item, nullptr});
            return;
        }
        // Later accesses of this requester must not overtake the one that waits for the line.
        requester->waiting.push_back(item);
        if (!requester->parked) line->parked.push_back({{}, requester});
        requester->parked = true;
        return;
    }
    send(item, *region, requester);
}

bool Interconnect::must_wait(const Requester* requester, const Access& access, u32 target) const {
    if (requester == nullptr || requester->writes == 0 || relaxed(access)) return false;
    return requester->mixed || requester->target != target;
}

Interconnect::Line* Interconnect::line_of(const Access& access) {
    const u64 first = access.address / line_size;
    const u64 last = (access.address + std::max<u64>(access.size, 1) - 1) / line_size;
    for (const auto& line : lines_)
        if (first <= line->number && line->number <= last) return line.get();
    return nullptr;
}

void Interconnect::send(Item item, const Region& region, Requester* requester) {
    Access& access = *item.access;
    order_wait_time_ += simulation_.now() - item.arrived;
    sim::Port& port = *targets_[region.target];
    if (access.command == Command::Atomic) {
        if (!legal_atomic(access)) {
            refuse(item, Status::CompleterAbort);
            return;
        }
        lines_.push_back(std::make_unique<Line>(Line{access.address / line_size, {}}));
        scope_.spawn("atomic", perform_atomic(item, port));
        return;
    }
    if (counted(access)) {
        requester->mixed = requester->writes != 0 && (requester->mixed || requester->target != region.target);
        requester->target = region.target;
        ++requester->writes;
        access.push(*item.ingress);
    } else {
        access.delay_answer(response_latency_);
    }
    const Time at = simulation_.now() + request_latency_;
    if (access.has_journey()) access.journey()->leave(Journey::Part::Interconnect, at);
    port.send(access, at);
}

void Interconnect::refuse(Item item, Status status) {
    Access& access = *item.access;
    const Time at = simulation_.now() + request_latency_ + response_latency_;
    if (access.has_journey()) {
        access.journey()->leave(Journey::Part::Interconnect, simulation_.now());
        access.journey()->settle(Journey::Outcome::Blocked);
    }
    access.respond(status, at);
}

void Interconnect::written(Ingress& ingress, Access& access, Time at) {
    Requester& requester = requesters_.at(key_of(ingress, access));
    simulation_.scheduler().at(at, &Interconnect::visible_event, this, &requester);
    access.respond(at + response_latency_);
}

void Interconnect::visible_event(void* self, void* requester) {
    static_cast<Interconnect*>(self)->visible(*static_cast<Requester*>(requester));
}

void Interconnect::visible(Requester& requester) {
    --requester.writes;
    if (requester.writes == 0) requester.mixed = false;
    pump(requester);
}

void Interconnect::pump(Requester& requester) {
    while (!requester.waiting.empty() && !requester.parked) {
        const Item item = requester.waiting.front();
        const Region& region = *map_.find(item.access->address, item.access->size);
        if (must_wait(&requester, *item.access, region.target)) break;
        if (Line* const line = line_of(*item.access)) {
            ++line_waits_;
            requester.parked = true;
            line->parked.push_back({{}, &requester});
            break;
        }
        requester.waiting.pop_front();
        send(item, region, &requester);
    }
    forget_if_done(requester);
}

void Interconnect::forget_if_done(Requester& requester) {
    if (requester.writes == 0 && requester.waiting.empty() && requester.arriving == 0)
        requesters_.erase(u64{requester.key});
}

sim::Task<> Interconnect::perform_atomic(Item item, sim::Port& port) {
    Access& access = *item.access;
    const u64 line = access.address / line_size;
    co_await simulation_.delay(request_latency_);
    const sim::AccessPtr read = simulation_.accesses().make(Command::Read, access.address, access.size);
    read->attributes = access.attributes;
    Status status = co_await sim::transfer(simulation_, port, *read, "the read of an atomic");
    if (sim::succeeded(status)) {
        const u64 held = read->value();
        const std::optional<u64> result = atomic_result(access, held);
        access.set_value(held);
        if (result) {
            const sim::AccessPtr write = simulation_.accesses().make(Command::Write, access.address, access.size);
            write->attributes = access.attributes;
            write->set_value(*result);
            status = co_await sim::transfer(simulation_, port, *write, "the write of an atomic");
        }
    }
    unlock(line);
    access.respond(status, simulation_.now() + response_latency_);
}

void Interconnect::unlock(u64 number) {
    const auto place =
        std::find_if(lines_.begin(), lines_.end(), [&](const auto& line) { return line->number == number; });
    const std::unique_ptr<Line> line = std::move(*place);
    lines_.erase(place);
    for (const Line::Parked& parked : line->parked) {
        if (parked.requester == nullptr) {
            admit(parked.item);
        } else {
            parked.requester->parked = false;
            pump(*parked.requester);
        }
    }
}

Time Interconnect::perform(Access& access) {
    const Region* const region = map_.find(access.address, access.size);
    const Time own = request_latency_ + response_latency_;
    if (region == nullptr) {
        ++decode_errors_;
        access.status = Status::Unsupported;
        if (access.has_journey()) access.journey()->settle(Journey::Outcome::Blocked);
        return own;
    }
    sim::Port& port = *targets_[region->target];
    if (access.command == Command::Read) ++reads_;
    if (access.command == Command::Write) ++writes_;
    if (access.command != Command::Atomic) return own + port.perform(access);

    ++atomics_;
    access.status = Status::CompleterAbort;
    if (!legal_atomic(access)) return own;
    const sim::AccessPtr part = simulation_.accesses().make(Command::Read, access.address, access.size);
    part->attributes = access.attributes;
    Time latency = own + port.perform(*part);
    access.status = part->status;
    if (!sim::succeeded(part->status)) return latency;
    access.set_value(part->value());
    if (const std::optional<u64> result = atomic_result(access, part->value())) {
        part->command = Command::Write;
        part->status = Status::Pending;
        part->set_value(*result);
        latency += port.perform(*part);
        access.status = part->status;
    }
    return latency;
}

void Interconnect::inspect(Access& access) {
    const Region* const region = map_.find(access.address, access.size);
    if (region == nullptr) access.status = Status::Unsupported;
    else targets_[region->target]->inspect(access);
}

void Interconnect::reset() {
    scope_.cancel();
    lines_.clear();
    requesters_.clear();
}

void Interconnect::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("reads", reads_, "accesses", "reads that arrived");
    visit.counter("writes", writes_, "accesses", "writes that arrived");
    visit.counter("atomics", atomics_, "accesses", "atomics that arrived");
    visit.counter("decode_errors", decode_errors_, "accesses", "accesses to addresses that no target decodes");
    visit.counter("order_waits", order_waits_, "accesses", "accesses that waited for earlier ones of their requester");
    visit.counter("order_wait_time", order_wait_time_, "ps", "time that accesses waited here, for order or for a line");
    visit.counter("line_waits", line_waits_, "accesses", "accesses that waited for an atomic on their line");
}

}  // namespace smmusim::memory
