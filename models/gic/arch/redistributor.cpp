#include "gic/arch/redistributor.hpp"

namespace smmusim::gic::arch {

using spec::VPendBaser;
using spec::VPropBaser;

Redistributor::Redistributor(const Identity& identity, RedistributorListener& listener)
    : listener_(listener), identity_(identity), bank_(0, spec::private_interrupts, identity.priority_bits) {
    reset();
}

void Redistributor::reset() {
    bank_.reset();
    asleep_ = true;
    enable_lpis_ = false;
    write_back_ = false;
    propbaser_ = {};
    pendbaser_ = {};
    vpropbaser_ = {};
    if (identity_.version == spec::Version::V4_1)
        vpropbaser_.set(VPropBaser::Entry_Size, spec::VpeEntry::entry_bytes / 8 - 1);
    vpendbaser_ = {};
    virtual_sgis_ = {};
}

u32 Redistributor::lpi_end() const {
    const u32 bits = std::min(static_cast<u32>(propbaser_[spec::PropBaser::IDbits]) + 1, identity_.id_bits);
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
    typer.set(spec::GicrTyper::DirectLPI, identity_.direct_lpi);
    const bool virtual_lpis = identity_.version != spec::Version::V3;
    typer.set(spec::GicrTyper::VLPIS, virtual_lpis);
    typer.set(spec::GicrTyper::Dirty, virtual_lpis);
    typer.set(spec::GicrTyper::RVPEID, identity_.version == spec::Version::V4_1);
    typer.set(spec::GicrTyper::VSGI, identity_.version == spec::Version::V4_1);
    typer.set(spec::GicrTyper::Last, identity_.last);
    typer.set(spec::GicrTyper::Processor_Number, identity_.processor);
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

// Virtual LPIs

void Redistributor::write_vpropbaser(u32, u64 value) {
    // 12.11, GICR_VPROPBASER: fixed while a vPE is resident, or on its way in or out.
    if (vpendbaser_[VPendBaser::Valid] || vpendbaser_[VPendBaser::Dirty]) return;
    const u64 entry_size = vpropbaser_[VPropBaser::Entry_Size];
    vpropbaser_.words[0] = value;
    if (identity_.version == spec::Version::V4_1) vpropbaser_.set(VPropBaser::Entry_Size, entry_size);
}

void Redistributor::write_vpendbaser(u32, u64 value) {
    VPendBaser written;
    written.words[0] = value;
    // Until what the last write started is done, another is UNPREDICTABLE; it is ignored. So is a second Valid.
    if (vpendbaser_[VPendBaser::Dirty]) return;
    const bool resident = vpendbaser_[VPendBaser::Valid];
    const bool valid = written[VPendBaser::Valid];
    if (resident && valid) return;
    if (!resident) {
        vpendbaser_ = written;
        // Doorbell is a request along with the fall of Valid, and reads as zero.
        if (identity_.version == spec::Version::V4_1) vpendbaser_.set(VPendBaser::Doorbell, false);
    }
    vpendbaser_.set(VPendBaser::Dirty, resident != valid);
    vpendbaser_.set(VPendBaser::Valid, valid);
    if (valid) {
        listener_.vpe_scheduled();
    } else if (resident) {
        listener_.vpe_descheduled(identity_.version == spec::Version::V4_1 && written[VPendBaser::Doorbell]);
    }
}

void Redistributor::vpe_settled(bool pending_last) {
    vpendbaser_.set(VPendBaser::Dirty, false);
    if (!vpendbaser_[VPendBaser::Valid]) vpendbaser_.set(VPendBaser::PendingLast, pending_last);
}

void Redistributor::write_vsgir(u32, u64 value) {
    if (identity_.version != spec::Version::V4_1) return;
    virtual_sgis_.set(spec::VSgiPendr::Busy, true);
    listener_.virtual_sgis_wanted(static_cast<u32>(value & 0xFFFF));
}

void Redistributor::answer_sgi_query(u16 pending) {
    virtual_sgis_.set(spec::VSgiPendr::Pending, pending);
    virtual_sgis_.set(spec::VSgiPendr::Busy, false);
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
