// Entries of the ITS's tables as they come from memory, and the attributes they are read with.
#pragma once

#include "gic/arch/its_environment.hpp"
#include "gic/spec/its_registers.hpp"
#include "gic/spec/memory_attributes.hpp"

namespace smmusim::gic::uarch {

inline sim::MemoryAttributes attributes_of(const spec::Baser& baser) {
    return spec::memory_attributes(baser[spec::Baser::InnerCache], baser[spec::Baser::OuterCache],
                                   baser[spec::Baser::Shareability]);
}

/// The same bits as an entry of a certain table.
template <class Entry>
arch::Fetched<Entry> as(const arch::Fetched<sim::Record<1>>& raw) {
    arch::Fetched<Entry> result;
    result.entry.words = raw.entry.words;
    result.ok = raw.ok;
    return result;
}

}  // namespace smmusim::gic::uarch
