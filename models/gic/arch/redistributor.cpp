#include "gic/arch/redistributor.hpp"

namespace smmusim::gic::arch {

Redistributor::Redistributor(u32 processor, bool last, u32 id_bits, u8 priority_bits, bool direct_lpi,
                             RedistributorListener& listener)
    : listener_(listener),
      processor_(processor),
      last_(last),
      id_bits_(id_bits),
      direct_lpi_(direct_lpi),
      bank_(0, spec::private_interrupts, priority_bits) {}

void Redistributor::reset() {
    bank_.reset();
    asleep_ = true;
    enable_lpis_ = false;
    write_back_ = false;
    propbaser_ = {};
    pendbaser_ = {};
}

u32 Redistributor::lpi_end() const {
    const u32 bits = std::min(static_cast<u32>(propbaser_[spec::PropBaser::IDbits]) + 1, id_bits_);
    // 12.11, GICR_PROPBASER: fewer than 14 bits leave no LPI.
    return bits < 14 ? spec::first_lpi : u32{1} << bits;
}

void Redistributor::write_ctlr(u32, u64 value) {
    const bool enable = (value & 1) != 0;
    // While the write-back of a disable is under way software may not enable again; the write is ignored.
    if (enable == enable_lpis_ || write_back_) return;
    enable_lpis_ = enable;
    if (enable) {
        listener_.lpis_enabled();
    } else {
        write_back_ = true;
        listener_.lpis_disabled();
    }
}

u64 Redistributor::read_ctlr(u32) {
    spec::GicrCtlr ctlr;
    ctlr.set(spec::GicrCtlr::EnableLPIs, enable_lpis_);
    ctlr.set(spec::GicrCtlr::CES, true);
    ctlr.set(spec::GicrCtlr::IR, true);
    ctlr.set(spec::GicrCtlr::RWP, write_back_);
    return ctlr.words[0];
}

u64 Redistributor::read_typer(u32) {
    spec::GicrTyper typer;
    typer.set(spec::GicrTyper::PLPIS, true);
    typer.set(spec::GicrTyper::DirectLPI, direct_lpi_);
    typer.set(spec::GicrTyper::Last, last_);
    typer.set(spec::GicrTyper::Processor_Number, processor_);
    typer.set(spec::GicrTyper::Affinity_Value, affinity());
    return typer.words[0];
}

void Redistributor::write_waker(u32, u64 value) {
    asleep_ = (value & 2) != 0;
    listener_.private_changed();
}

u64 Redistributor::read_waker(u32) {
    // Nothing is under way between the two, so that ChildrenAsleep follows ProcessorSleep at once.
    spec::GicrWaker waker;
    waker.set(spec::GicrWaker::ProcessorSleep, asleep_);
    waker.set(spec::GicrWaker::ChildrenAsleep, asleep_);
    return waker.words[0];
}

void Redistributor::write_propbaser(u32, u64 value) {
    if (!enable_lpis_ && !write_back_) propbaser_.words[0] = value;
}

void Redistributor::write_pendbaser(u32, u64 value) {
    if (!enable_lpis_ && !write_back_) pendbaser_.words[0] = value;
}

void Redistributor::write_igroupr(u32, u64 value) {
    bank_.set_group(0, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_isenabler(u32, u64 value) {
    bank_.enable(0, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_icenabler(u32, u64 value) {
    bank_.disable(0, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_ispendr(u32, u64 value) {
    bank_.set_pending(0, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_icpendr(u32, u64 value) {
    bank_.clear_pending(0, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_isactiver(u32, u64 value) {
    bank_.activate(0, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_icactiver(u32, u64 value) {
    bank_.deactivate(0, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_ipriorityr(u32 index, u64 value) {
    bank_.set_priorities(index, static_cast<u32>(value));
    listener_.private_changed();
}

void Redistributor::write_icfgr(u32 index, u64 value) {
    bank_.set_triggers(index, static_cast<u32>(value));
    listener_.private_changed();
}

}  // namespace smmusim::gic::arch
