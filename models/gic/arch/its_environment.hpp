// What the ITS's translations and commands need from the rest of the machine, with or without time.
#pragma once

#include "gic/spec/its_commands.hpp"
#include "gic/spec/its_tables.hpp"
#include "gic/spec/virtual.hpp"
#include "sim/task.hpp"

namespace smmusim::gic::arch {

/// What became of an access to a table.
enum class TableAccess : u8 {
    Done,
    Refused,  ///< by the bus
    NoPage,   ///< level 1 of an indirect table has no valid entry for it
};

/// As errors of commands; one without a page is beyond the table.
inline spec::ItsError error_of(TableAccess access, spec::ItsError out_of_range) {
    if (access == TableAccess::Done) return spec::ItsError::None;
    return access == TableAccess::NoPage ? out_of_range : spec::ItsError::AccessFailure;
}

/// An entry as read from its table.
template <class Entry>
struct Fetched {
    Entry entry;
    TableAccess access = TableAccess::Refused;
    bool ok() const { return access == TableAccess::Done; }
};

/// Reads tables: from caches, from memory.
class ItsTables {
public:
    virtual sim::Task<Fetched<spec::DeviceEntry>> read_device(u32 device) = 0;
    virtual sim::Task<Fetched<spec::TranslationEntry>> read_event(spec::DeviceEntry table, u32 device, u32 event) = 0;
    /// One that is not held in the ITS.
    virtual sim::Task<Fetched<spec::CollectionEntry>> read_collection(u32 icid) = 0;
    virtual sim::Task<Fetched<spec::VpeEntry>> read_vpe(u32 vpe) = 0;

protected:
    ~ItsTables() = default;
};

/// A vPE, where it lives, and one of its interrupts.
struct VirtualPlace {
    u32 redistributor = 0;
    u32 vpe = 0;
    u32 intid = 0;
    u32 doorbell = spec::spurious;
    spec::VpeEntry entry;
};

/// A message about virtual interrupts.
struct VirtualOrder {
    enum class Kind : u8 { Set, Clear, Move, Invalidate, InvalidateAll, ConfigureSgi };
    Kind kind = Kind::Set;
    VirtualPlace place;
    VirtualPlace onward;       ///< Move
    spec::ItsCommand command;  ///< ConfigureSgi
};

/// What commands do besides: write tables, wait for translations, talk to redistributors (named by number).
/// A write drops what was cached of the entry. Messages to one redistributor arrive in the order in which they were
/// sent.
class ItsEnvironment : public ItsTables {
public:
    virtual sim::Task<TableAccess> write_device(u32 device, spec::DeviceEntry entry) = 0;
    virtual sim::Task<TableAccess> write_event(spec::DeviceEntry table, u32 device, u32 event,
                                               spec::TranslationEntry entry) = 0;
    virtual sim::Task<TableAccess> write_vpe(u32 vpe, spec::VpeEntry entry) = 0;
    virtual sim::Task<TableAccess> write_collection(u32 icid, spec::CollectionEntry entry) = 0;

    /// Waits until every translation of the event, or of the device, that began earlier has sent its message.
    virtual sim::Task<> drain_event(u32 device, u32 event) = 0;
    virtual sim::Task<> drain_device(u32 device) = 0;
    virtual sim::Task<> drain_all() = 0;
    /// Waits until everything that began earlier and concerns this redistributor has had its effect there.
    virtual sim::Task<> synchronize(u32 redistributor) = 0;

    virtual void send(VirtualOrder order) = 0;
    virtual void set_pending(u32 redistributor, u32 intid) = 0;
    virtual void clear_pending(u32 redistributor, u32 intid) = 0;
    /// The interrupt is nobody's any more: not pending, and nothing of it stays cached.
    virtual void discard(u32 redistributor, u32 intid) = 0;
    virtual void move_pending(u32 from, u32 to, u32 intid) = 0;
    virtual void move_all_pending(u32 from, u32 to) = 0;
    virtual void invalidate(u32 redistributor, u32 intid) = 0;
    virtual void invalidate_all(u32 redistributor) = 0;

protected:
    ~ItsEnvironment() = default;
};

}  // namespace smmusim::gic::arch
