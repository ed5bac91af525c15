#include "gic/uarch/distributor.hpp"

#include <cassert>

namespace smmusim::gic::uarch {

using arch::MessageResult;
using sim::Journey;

DistributorFrame::DistributorFrame(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config,
                                   arch::Distributor& distributor, SpiDoorbell& doorbell)
    : RegisterFrame(simulation, "gicd", clock, config.base, spec::distributor_size, config.register_cycles,
                    distributor),
      doorbell_(doorbell) {}

bool DistributorFrame::take_message(sim::Access& access, u64 offset) {
    if (!is_message(access)) return false;
    const u32 intid = static_cast<u32>(access.value() & 0x1FFF);
    if (offset == spec::gicd_setspi) doorbell_.set_spi(intid, access.journey());
    else if (offset == spec::gicd_clrspi) doorbell_.clear_spi(intid);
    else return false;
    return true;
}

u64 V2mRegisters::read_typer(u32) {
    spec::MsiTyper typer;
    typer.set(spec::MsiTyper::BaseSPI, first_spi);
    typer.set(spec::MsiTyper::NumberOfSPIs, count);
    return typer.words[0];
}

V2mFrame::V2mFrame(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config, SpiDoorbell& doorbell)
    : RegisterFrame(simulation, "v2m", clock, config.v2m.base, spec::v2m_size, config.register_cycles, device_),
      device_{config.v2m.first_spi, config.v2m.count},
      doorbell_(doorbell) {}

bool V2mFrame::take_message(sim::Access& access, u64 offset) {
    if (!is_message(access) || offset != spec::v2m_setspi) return false;
    const u64 intid = access.value();
    // Only the SPIs that the frame owns; no requester is checked, which is why it isolates nobody.
    const bool owned = intid >= device_.first_spi && intid < u64{device_.first_spi} + device_.count;
    doorbell_.pulse_spi(owned ? static_cast<u32>(intid) : spec::spurious, access.journey());
    return true;
}

Distributor::Distributor(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config)
    : simulation_(simulation),
      state_(config.implemented_spis(), config.id_bits, static_cast<u8>(config.priority_bits), config.version, *this),
      frame_(simulation, clock, config, state_, *this),
      v2m_(simulation, clock, config, *this) {
    for (u32 index = 0; index < config.implemented_spis(); ++index)
        inputs_.emplace_back(*this, spec::first_spi + index);
}

void Distributor::reset() {
    journeys_.clear();
    state_.reset();
}

sim::InterruptInput& Distributor::input(u32 intid) {
    assert(state_.implements(intid));
    return inputs_[intid - spec::first_spi];
}

void Distributor::Input::pulse() {
    distributor_.state_.pulse(intid_);
    distributor_.distributor_changed();
}

void Distributor::Input::drive(bool asserted) {
    distributor_.state_.drive(intid_, asserted);
    distributor_.distributor_changed();
}

void Distributor::set_spi(u32 intid, std::shared_ptr<Journey> journey) {
    settle(intid, state_.set_by_message(intid), std::move(journey));
}

void Distributor::pulse_spi(u32 intid, std::shared_ptr<Journey> journey) {
    settle(intid, state_.pulse(intid), std::move(journey));
}

void Distributor::clear_spi(u32 intid) {
    if (state_.clear_by_message(intid) != MessageResult::NoEffect) distributor_changed();
}

void Distributor::settle(u32 intid, MessageResult result, std::shared_ptr<Journey> journey) {
    ++messages_;
    if (result == MessageResult::WasPending) ++coalesced_;
    if (result == MessageResult::NoEffect) ++ignored_;
    if (journey) {
        // The distributor's part of the way counts as the redistributor's: a message to an SPI meets no other.
        journey->enter(Journey::Part::Redistributor, simulation_.now());
        if (result == MessageResult::MadePending) journeys_[intid] = journey;
        journey->settle(result == MessageResult::MadePending  ? Journey::Outcome::Delivered
                        : result == MessageResult::WasPending ? Journey::Outcome::Coalesced
                                                              : Journey::Outcome::Blocked);
    }
    if (result == MessageResult::MadePending) distributor_changed();
}

std::shared_ptr<Journey>* Distributor::spi_journey(u32 intid) {
    const auto found = journeys_.find(intid);
    return found == journeys_.end() ? nullptr : &found->second;
}

void Distributor::distributor_changed() {
    // A journey ends with the pending state that it caused.
    std::erase_if(journeys_,
                  [&](const auto& entry) { return !entry.second || !state_.bank().is_pending(entry.first); });
    for (Redistributor* redistributor : redistributors_) redistributor->update();
}

void Distributor::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("messages", messages_, "messages", "writes to the distributor's doorbell and to the frames of SPIs");
    visit.counter("coalesced", coalesced_, "messages", "of these found their SPI pending");
    visit.counter("ignored", ignored_, "messages", "of these named no SPI that a message can set");
    frame_.statistics(visit);
}

}  // namespace smmusim::gic::uarch
