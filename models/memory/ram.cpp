#include "memory/ram.hpp"

namespace smmusim::memory {

Ram::Ram(sim::Simulation& simulation, const MemoryConfig& config)
    : simulation_(simulation),
      storage_(Backing::parse(config.backing), config.base, config.size),
      pipe_(0, config.latency),
      rate_(8 * second, config.bandwidth) {}

void Ram::receive(sim::Access& access, Time at) {
    if (at <= simulation_.now()) {
        arrive(access);
        return;
    }
    storage_.prefetch(access.address);
    simulation_.scheduler().at(at, &Ram::arrive_event, this, &access);
}

void Ram::arrive_event(void* self, void* access) {
    static_cast<Ram*>(self)->arrive(*static_cast<sim::Access*>(access));
}

inline void Ram::move(sim::Access& access) {
    const bool here = storage_.contains(access.address, access.size);
    // The interconnect performs atomics.
    access.status = here && access.command != sim::Command::Atomic ? sim::Status::Ok : sim::Status::Unsupported;
    if (access.status != sim::Status::Ok) [[unlikely]]
        return;
    u8* const bytes = storage_.at(access.address);
    if (access.command == sim::Command::Read) [[likely]]
        access.load(bytes);
    else access.store(bytes);
}

inline void Ram::execute(sim::Access& access) {
    move(access);
    if (access.status != sim::Status::Ok) [[unlikely]]
        return;
    if (access.command == sim::Command::Read) [[likely]] {
        ++reads_;
        bytes_read_ += access.size;
    } else {
        ++writes_;
        bytes_written_ += access.size;
        // A message that ends in memory has reached no interrupt controller.
        if (access.has_journey()) access.journey()->settle(sim::Journey::Outcome::Blocked);
    }
}

void Ram::arrive(sim::Access& access) {
    execute(access);
    const Time occupied = rate_.take(access.size);
    busy_ += occupied;
    const Time first = pipe_.enter(simulation_.now(), occupied);
    // A transfer longer than the latency ends later than it.
    access.respond(occupied > pipe_.latency() ? first + occupied - pipe_.latency() : first);
}

Time Ram::perform(sim::Access& access) {
    execute(access);
    return pipe_.latency();
}

void Ram::inspect(sim::Access& access) { move(access); }

void Ram::reset() {
    pipe_.reset();
    rate_.restart();
}

void Ram::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("reads", reads_, "accesses", "reads that memory has answered");
    visit.counter("writes", writes_, "accesses", "writes that memory has taken");
    visit.counter("bytes_read", bytes_read_, "bytes", "data read from memory");
    visit.counter("bytes_written", bytes_written_, "bytes", "data written to memory");
    visit.counter("busy_time", busy_, "ps", "time in which the data channels transferred");
}

}  // namespace smmusim::memory
