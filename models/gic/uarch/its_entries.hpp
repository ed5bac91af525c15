// Entries of the ITS's tables as they come from memory, and the attributes they are read with.
#pragma once

#include "gic/arch/its.hpp"
#include "gic/arch/its_environment.hpp"
#include "gic/spec/memory_attributes.hpp"
#include "gic/uarch/virtual_target.hpp"

namespace smmusim::gic::uarch {

/// One entry of one table.
struct TableEntry {
    arch::Table table;
    u64 id = 0;
    sim::MemoryAttributes attributes;

    TableEntry(const arch::Table& of, u64 number, const spec::Baser& baser)
        : table(of), id(number), attributes(spec::memory_attributes(baser)) {}
};

/// An interrupt translation table is flat; it is accessed as the device table is.
inline TableEntry event_entry(const spec::DeviceEntry& device, u32 event, u32 entry_bytes,
                              const spec::Baser& device_baser) {
    arch::Table table;
    table.base = device[spec::DeviceEntry::ITT_Address];
    table.entry_bytes = entry_bytes;
    table.entries = device.events();
    return {table, event, device_baser};
}

/// A vPE as redistributors need to know it.
inline VirtualTarget target_of(const arch::Its& its, const arch::VirtualPlace& place) {
    VirtualTarget target;
    target.vpe = place.vpe;
    target.pending_table = place.entry[spec::VpeEntry::VPT_addr];
    target.properties = place.entry[spec::VpeEntry::VConf_addr];
    target.end = std::min(place.entry.lpi_end(), u32{1} << its.limits().id_bits);
    target.doorbell = place.doorbell;
    return target;
}

}  // namespace smmusim::gic::uarch
