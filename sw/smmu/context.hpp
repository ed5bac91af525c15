// The context descriptor of a stage 1 table, for hosts and for guests that own their stage 1.
#pragma once

#include "sw/pgtable/descriptor.hpp"
#include "sw/pgtable/page_table.hpp"
#include "sw/smmu/structures.hpp"

namespace smmusim::sw::smmu {

/// One range from address 0; faults are recorded and aborted (or stall, where stalling is forced).
inline ContextDescriptor stage1_context(const pgtable::PageTable& table, u32 asid, u32 output_code, bool stall) {
    constexpr u64 inner_shareable = 3, write_back = 1;
    ContextDescriptor cd;
    cd.set(ContextDescriptor::V, true);
    cd.set(ContextDescriptor::AA64, true);
    cd.set(ContextDescriptor::T0SZ, 64 - table.geometry().input_bits);
    cd.set(ContextDescriptor::TG0, granule_code(table.geometry().granule_bits));
    cd.set(ContextDescriptor::IR0, write_back), cd.set(ContextDescriptor::OR0, write_back);
    cd.set(ContextDescriptor::SH0, inner_shareable);
    cd.set(ContextDescriptor::EPD1, true);
    cd.set(ContextDescriptor::IPS, output_code);
    cd.set(ContextDescriptor::S, stall);
    cd.set(ContextDescriptor::R, true);
    cd.set(ContextDescriptor::A, true);
    cd.set(ContextDescriptor::ASET, true);
    cd.set(ContextDescriptor::ASID, asid);
    cd.set(ContextDescriptor::TTB0, table.root());
    cd.set(ContextDescriptor::MAIR0, pgtable::mair);
    return cd;
}

}  // namespace smmusim::sw::smmu
