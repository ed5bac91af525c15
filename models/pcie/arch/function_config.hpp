// What a function offers: identity, BARs, interrupts, packet limits.
#pragma once

#include <string>
#include <vector>

#include "pcie/spec/config_space.hpp"
#include "sim/config.hpp"

namespace smmusim::pcie::arch {

/// One memory BAR; a 64-bit one takes two of the six registers.
struct BarConfig {
    u64 size = 0;  ///< 0: register not implemented
    bool wide = false;
    bool prefetchable = false;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin, sim::Unit;
        visit(size, {"size", "bytes decoded, a power of two from 16; 0: not implemented", Unit::Bytes, Origin::Choice,
                     "", 0, u64{1} << 40});
        visit(wide, {"wide", "64-bit: takes two BAR registers"});
        visit(prefetchable, {"prefetchable", "reads have no side effects"});
    }
};

struct FunctionConfig {
    u16 vendor_id = 0x1DED;
    u16 device_id = 0x0001;
    u32 class_code = 0x02'00'00;
    u8 revision = 1;
    std::vector<BarConfig> bars{{64 * KiB, false, false}, {0, false, false}, {64 * KiB, true, false}};
    u32 msi_vectors = 8;
    bool msi_maskable = true;
    u32 msix_vectors = 64;
    u32 msix_bar = 2;  ///< BAR register whose region holds table and pending bits
    bool power_management = true;
    u32 tags = 32;
    u32 mps = 256;
    u32 mrrs = 512;

    void fields(sim::ConfigVisitor& visit);

    /// Why a function cannot be built like this; empty if it can.
    std::string problem() const;
};

/// Offset of the pending bits behind the MSI-X table, on a page of their own.
constexpr u32 pending_array_offset(u32 vectors) { return (vectors * spec::msix::entry_bytes + 4095) / 4096 * 4096; }
/// Bytes of the pending bits: whole 64-bit words.
constexpr u32 pending_array_bytes(u32 vectors) { return (vectors + 63) / 64 * 8; }

}  // namespace smmusim::pcie::arch
