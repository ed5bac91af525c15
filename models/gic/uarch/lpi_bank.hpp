// LPIs of one redistributor, or vLPIs of the vPE that is resident there: which are pending, and the traffic to their
// tables in memory.
#pragma once

#include <set>

#include "gic/arch/pending_lpis.hpp"
#include "gic/uarch/config.hpp"
#include "sim/access.hpp"
#include "sim/clock.hpp"
#include "sim/resources.hpp"
#include "sim/spread.hpp"

namespace smmusim::gic::uarch {

/// Where the tables are, and how far they reach.
struct LpiTables {
    u64 properties = 0;
    u64 pending = 0;
    sim::MemoryAttributes property_attributes;
    sim::MemoryAttributes pending_attributes;
    u32 end = spec::first_lpi;  ///< one more than the highest LPI
    bool empty = false;         ///< nothing is pending in the table
};

/// Counters of memory traffic.
struct LpiCounters {
    u64 property_hits = 0;
    u64 property_reads = 0;
    u64 property_failures = 0;
    u64 pending_reads = 0;
    u64 pending_writes = 0;
};

class LpiListener {
public:
    /// What may be forwarded has changed.
    virtual void lpis_changed() = 0;

protected:
    ~LpiListener() = default;
};

class LpiBank {
public:
    LpiBank(sim::Simulation& simulation, const sim::Clock& clock, sim::Port& memory, const RedistributorConfig& config,
            const std::string& name, u8 priority_mask, LpiCounters& counters, LpiListener& listener);

    void reset();

    /// Starts to use the tables.
    void open(const LpiTables& tables);
    bool is_open() const { return open_; }
    /// Whether the pending table is still being read, or somebody goes on only now that it has been.
    bool scanning() const { return scan_.in_use() != 0; }
    /// Returns when it has been read, to one after the other in order of arrival.
    sim::Task<> scanned();
    /// Nothing is forwarded any more; done when memory holds the pending state.
    sim::Task<> close();
    /// It is being closed, and what is pending is not fixed yet.
    bool closing() const { return closing_; }

    bool implements(u32 intid) const { return spec::is_lpi(intid) && intid < tables_.end; }
    const arch::PendingLpis& lpis() const { return lpis_; }
    arch::PendingLpis& lpis() { return lpis_; }
    std::vector<u32> pending() const;

    /// False if it was pending already.
    bool add(u32 intid, std::shared_ptr<sim::Journey> journey);
    void invalidate(u32 intid);
    void invalidate_all();
    void drop_properties();

private:
    /// One read of a property under way.
    struct Fetch : sim::intrusive::list_base_hook<sim::AutoUnlink> {
        explicit Fetch(u32 wanted) : intid(wanted) {}
        u32 intid;
        bool stale = false;      ///< invalidated since: read again
        bool abandoned = false;  ///< closed since: the result is nobody's
    };
    struct IntidKey {
        u32 intid = 0;
        bool operator==(const IntidKey&) const = default;
        u64 hash() const { return sim::spread(u64{intid}); }
    };

    void fetch(u32 intid);
    sim::Task<> read_properties();
    sim::Task<> read_property(u32 intid);
    sim::Task<> scan();
    sim::AccessPtr table_access(sim::Command command, u64 address, u32 size, const sim::MemoryAttributes& attributes);

    sim::Simulation& simulation_;
    const sim::Clock& clock_;
    sim::Port& memory_;
    const RedistributorConfig& config_;
    std::string property_wait_;
    std::string table_wait_;
    u8 priority_mask_;
    LpiCounters& counters_;
    LpiListener& listener_;
    LpiTables tables_;
    bool open_ = false;
    bool closing_ = false;
    u32 readers_ = 0;  ///< activities that read properties
    arch::PendingLpis lpis_;
    sim::AssocCache<IntidKey, spec::LpiProperty> properties_;
    std::set<u64> table_words_;  ///< 64-bit words of the pending table that are not zero in memory
    sim::Slots scan_;            ///< held while the pending table is read
    sim::intrusive::list<Fetch, sim::intrusive::constant_time_size<false>> fetches_;
    sim::Scope scope_;
};

}  // namespace smmusim::gic::uarch
