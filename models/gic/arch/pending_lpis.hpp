// The pending LPIs of one redistributor, ordered by what is forwarded first.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "gic/arch/candidate.hpp"
#include "sim/journey.hpp"

namespace smmusim::gic::arch {

/// An LPI is a candidate when it is pending and its property byte is known and enables it. A disabled one stays
/// pending (IHI 0069, 5.1.2). Its cost does not depend on how many LPIs there are, only on how many are pending.
class PendingLpis {
public:
    struct Lpi {
        std::optional<spec::LpiProperty> property;  ///< empty: not read, or invalidated since
        std::shared_ptr<sim::Journey> journey;      ///< of the message that made it pending
        bool wanted = false;                        ///< its property is to be read
    };

    /// False if it was pending already.
    bool add(u32 intid, std::shared_ptr<sim::Journey> journey);
    /// Makes it not pending and returns what it was.
    std::optional<Lpi> take(u32 intid);
    bool contains(u32 intid) const { return lpis_.count(intid) != 0; }
    std::size_t size() const { return lpis_.size(); }
    const std::map<u32, Lpi>& all() const { return lpis_; }
    void clear();

    void set_property(u32 intid, const spec::LpiProperty& property);
    void forget_property(u32 intid);
    /// Of all; none is wanted any more.
    void forget_properties();
    /// Its property is to be read; false if that is known already.
    bool want_property(u32 intid);
    /// The one that waits longest for its property.
    std::optional<u32> next_wanted();
    std::shared_ptr<sim::Journey>* journey(u32 intid);

    Candidate best() const;
    Candidate find(u32 intid) const;

    template <class Visit>
    void for_each_ready(Visit visit) const {
        for (const auto& [priority, intid] : ready_) visit(Candidate{intid, priority, 1});
    }

private:
    std::map<u32, Lpi> lpis_;
    std::set<std::pair<u8, u32>> ready_;  ///< priority, INTID
    std::deque<u32> wanted_;              ///< and some that are not wanted any more
};

}  // namespace smmusim::gic::arch
