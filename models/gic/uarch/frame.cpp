#include "gic/uarch/frame.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"

namespace smmusim::gic::uarch {

Frame::Frame(sim::Simulation& simulation, std::string name, const sim::Clock& clock, u64 base, u64 size, u32 cycles)
    : simulation_(simulation), name_(std::move(name)), clock_(clock), base_(base), size_(size), cycles_(cycles) {}

void Frame::receive(sim::Access& access, Time at) {
    if (at <= simulation_.now()) arrive(access);
    else simulation_.scheduler().at(at, &Frame::arrived, this, &access);
}

void Frame::arrived(void* frame, void* access) {
    static_cast<Frame*>(frame)->arrive(*static_cast<sim::Access*>(access));
}

void Frame::arrive(sim::Access& access) {
    if (take_over(access, access.address - base_)) return;
    // Keep the time before the access is answered: the initiator may do anything then.
    const Time done = clock_.after(simulation_.now(), cycles_);
    const sim::Status status = apply(access, access.address - base_);
    access.respond(status, done);
}

Time Frame::perform(sim::Access& access) {
    access.status = apply(access, access.address - base_);
    return clock_.span(cycles_);
}

void Frame::inspect(sim::Access& access) {
    const u64 offset = access.address - base_;
    const bool readable =
        access.command == sim::Command::Read && access.size <= 8 && offset < size_ && defined(offset, access.size);
    if (!access.is_write()) std::memset(access.data(), 0, access.size);
    if (readable) access.set_value(read(offset, access.size));
    access.status = readable ? sim::Status::Ok : sim::Status::Discarded;
}

bool Frame::take_message(sim::Access&, u64) { return false; }
bool Frame::take_over(sim::Access&, u64) { return false; }

sim::Status Frame::apply(sim::Access& access, u64 offset) {
    ++accesses_;
    if (take_message(access, offset)) return sim::Status::Ok;
    const bool legal =
        access.command != sim::Command::Atomic && access.size <= 8 && offset < size_ && defined(offset, access.size);
    if (!legal) {
        ++discarded_;
        if (access.command != sim::Command::Write) std::memset(access.data(), 0, access.size);
        if (access.has_journey()) access.journey()->settle(sim::Journey::Outcome::Blocked);
        return sim::Status::Discarded;
    }
    if (access.is_write()) write(offset, access.size, access.value());
    else access.set_value(read(offset, access.size));
    if (access.has_journey()) access.journey()->settle(sim::Journey::Outcome::Blocked);
    if (sim::Trace* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Mmio))
        trace->line(sim::Trace::Kind::Mmio, simulation_.now(), name_,
                    fmt::format("{} {:#07x} {} {:#x}", access.is_write() ? "write" : "read", offset, access.size * 8,
                                access.value()));
    return sim::Status::Ok;
}

bool is_message(const sim::Access& access) {
    return access.command == sim::Command::Write && (access.size == 2 || access.size == 4) &&
           access.address % access.size == 0;
}

void Frame::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("accesses", accesses_, "accesses", "register accesses");
    visit.counter("discarded", discarded_, "accesses", "of these to reserved offsets or of a wrong size or alignment");
}

}  // namespace smmusim::gic::uarch
