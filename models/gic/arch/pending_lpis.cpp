#include "gic/arch/pending_lpis.hpp"

namespace smmusim::gic::arch {

bool PendingLpis::add(u32 intid, std::shared_ptr<sim::Journey> journey) {
    const auto [place, added] = lpis_.try_emplace(intid);
    if (added) place->second.journey = std::move(journey);
    return added;
}

std::optional<PendingLpis::Lpi> PendingLpis::take(u32 intid) {
    const auto found = lpis_.find(intid);
    if (found == lpis_.end()) return std::nullopt;
    forget_property(intid);
    std::optional<Lpi> lpi(std::move(found->second));
    lpis_.erase(found);
    return lpi;
}

void PendingLpis::clear() {
    lpis_.clear();
    ready_.clear();
    wanted_.clear();
}

void PendingLpis::set_property(u32 intid, const spec::LpiProperty& property) {
    forget_property(intid);
    const auto found = lpis_.find(intid);
    if (found == lpis_.end()) return;
    found->second.property = property;
    if (property.enable) ready_.emplace(property.priority, intid);
}

void PendingLpis::forget_property(u32 intid) {
    const auto found = lpis_.find(intid);
    if (found == lpis_.end() || !found->second.property) return;
    ready_.erase({found->second.property->priority, intid});
    found->second.property.reset();
}

void PendingLpis::forget_properties() {
    ready_.clear();
    wanted_.clear();
    for (auto& [intid, lpi] : lpis_) {
        lpi.property.reset();
        lpi.wanted = false;
    }
}

bool PendingLpis::want_property(u32 intid) {
    const auto found = lpis_.find(intid);
    if (found == lpis_.end() || found->second.wanted) return false;
    found->second.wanted = true;
    wanted_.push_back(intid);
    return true;
}

std::optional<u32> PendingLpis::next_wanted() {
    while (!wanted_.empty()) {
        const u32 intid = wanted_.front();
        wanted_.pop_front();
        const auto found = lpis_.find(intid);
        if (found == lpis_.end() || !found->second.wanted) continue;
        found->second.wanted = false;
        return intid;
    }
    return std::nullopt;
}

std::shared_ptr<sim::Journey>* PendingLpis::journey(u32 intid) {
    const auto found = lpis_.find(intid);
    return found == lpis_.end() ? nullptr : &found->second.journey;
}

Candidate PendingLpis::best() const {
    if (ready_.empty()) return {};
    return {ready_.begin()->second, ready_.begin()->first, 1};
}

Candidate PendingLpis::find(u32 intid) const {
    const auto found = lpis_.find(intid);
    if (found == lpis_.end() || !found->second.property || !found->second.property->enable) return {};
    return {intid, found->second.property->priority, 1};
}

}  // namespace smmusim::gic::arch
