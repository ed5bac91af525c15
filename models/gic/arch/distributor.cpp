#include "gic/arch/distributor.hpp"

namespace smmusim::gic::arch {

Distributor::Distributor(u32 spis, u32 id_bits, u8 priority_bits, spec::Version version, DistributorListener& listener)
    : listener_(listener),
      id_bits_(id_bits),
      version_(version),
      bank_(spec::first_spi, spis, priority_bits),
      affinity_(spis) {}

void Distributor::reset() {
    bank_.reset();
    affinity_.assign(affinity_.size(), 0);
    groups_ = 0;
}

MessageResult Distributor::set_by_message(u32 intid) {
    // 12.9, GICD_SETSPI_NSR: no effect unless the INTID is an implemented SPI that is not pending.
    if (!implements(intid)) return MessageResult::NoEffect;
    if (bank_.is_pending(intid)) return MessageResult::WasPending;
    bank_.assert_message(intid);
    return MessageResult::MadePending;
}

MessageResult Distributor::clear_by_message(u32 intid) {
    if (!implements(intid) || !bank_.is_pending(intid)) return MessageResult::NoEffect;
    bank_.withdraw_message(intid);
    return MessageResult::WasPending;
}

MessageResult Distributor::pulse(u32 intid) {
    if (!implements(intid)) return MessageResult::NoEffect;
    if (bank_.is_pending(intid)) return MessageResult::WasPending;
    if (!bank_.is_edge(intid)) return MessageResult::NoEffect;
    bank_.assert_message(intid);
    return MessageResult::MadePending;
}

void Distributor::drive(u32 intid, bool asserted) {
    if (implements(intid)) bank_.drive(intid, asserted);
}

Candidate Distributor::best(u32 affinity, Groups groups) const {
    Candidate best;
    bank_.for_each(groups, [&](const Candidate& candidate) {
        if (affinity_[candidate.intid - spec::first_spi] == affinity && candidate.before(best)) best = candidate;
    });
    return best;
}

Candidate Distributor::find(u32 intid, u32 affinity, Groups groups) const {
    if (!implements(intid) || affinity_[intid - spec::first_spi] != affinity) return {};
    return bank_.find(intid, groups);
}

void Distributor::acknowledge(u32 intid) {
    bank_.acknowledge(intid);
    listener_.distributor_changed();
}

void Distributor::deactivate(u32 intid) {
    if (!implements(intid)) return;
    bank_.deactivate(intid);
    listener_.distributor_changed();
}

void Distributor::write_ctlr(u32, u64 value) {
    groups_ = static_cast<Groups>(value & 0x3);
    listener_.distributor_changed();
}

u64 Distributor::read_ctlr(u32) {
    spec::GicdCtlr ctlr;
    ctlr.set(spec::GicdCtlr::EnableGrp0, (groups_ & group0) != 0);
    ctlr.set(spec::GicdCtlr::EnableGrp1, (groups_ & group1) != 0);
    ctlr.set(spec::GicdCtlr::ARE, true);
    ctlr.set(spec::GicdCtlr::DS, true);
    return ctlr.words[0];
}

u64 Distributor::read_typer(u32) {
    spec::GicdTyper typer;
    typer.set(spec::GicdTyper::ITLinesNumber, bank_.words());
    typer.set(spec::GicdTyper::MBIS, true);
    typer.set(spec::GicdTyper::LPIS, true);
    typer.set(spec::GicdTyper::DVIS, version_ != spec::Version::V3);
    typer.set(spec::GicdTyper::IDbits, id_bits_ - 1);
    typer.set(spec::GicdTyper::No1N, true);
    return typer.words[0];
}

void Distributor::write_igroupr(u32 index, u64 value) {
    if (!has(index)) return;
    bank_.set_group(index - 1, mask(index, value));
    listener_.distributor_changed();
}

void Distributor::write_isenabler(u32 index, u64 value) {
    if (!has(index)) return;
    bank_.enable(index - 1, mask(index, value));
    listener_.distributor_changed();
}

void Distributor::write_icenabler(u32 index, u64 value) {
    if (!has(index)) return;
    bank_.disable(index - 1, mask(index, value));
    listener_.distributor_changed();
}

void Distributor::write_ispendr(u32 index, u64 value) {
    if (!has(index)) return;
    bank_.set_pending(index - 1, mask(index, value));
    listener_.distributor_changed();
}

void Distributor::write_icpendr(u32 index, u64 value) {
    if (!has(index)) return;
    bank_.clear_pending(index - 1, mask(index, value));
    listener_.distributor_changed();
}

void Distributor::write_isactiver(u32 index, u64 value) {
    if (!has(index)) return;
    bank_.activate(index - 1, mask(index, value));
    listener_.distributor_changed();
}

void Distributor::write_icactiver(u32 index, u64 value) {
    if (!has(index)) return;
    bank_.deactivate(index - 1, mask(index, value));
    listener_.distributor_changed();
}

void Distributor::write_ipriorityr(u32 index, u64 value) {
    if (!has(index / 8)) return;
    bank_.set_priorities(index - 8, static_cast<u32>(value));
    listener_.distributor_changed();
}

void Distributor::write_icfgr(u32 index, u64 value) {
    if (!has(index / 2)) return;
    bank_.set_triggers(index - 2, static_cast<u32>(value));
    listener_.distributor_changed();
}

void Distributor::write_irouter(u32 index, u64 value) {
    if (index >= affinity_.size()) return;
    affinity_[index] = static_cast<u32>(value & spec::irouter_writable);
    listener_.distributor_changed();
}

u64 Distributor::read_irouter(u32 index) { return index < affinity_.size() ? affinity_[index] : 0; }

}  // namespace smmusim::gic::arch
