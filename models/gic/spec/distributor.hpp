// Registers of the distributor and of the GICv2m frame (IHI 0069, 12.9; one security state, affinity routing always
// on).
#pragma once

#include "gic/spec/interrupts.hpp"
#include "gic/spec/virtual.hpp"
#include "sim/register_file.hpp"

namespace smmusim::gic::spec {

inline constexpr u64 distributor_size = 64 * KiB;

struct GicdCtlr : sim::Record<1> {
    static constexpr sim::Bit EnableGrp0{0};
    static constexpr sim::Bit EnableGrp1{1};
    static constexpr sim::Bit ARE{4};  ///< RAO/WI
    static constexpr sim::Bit DS{6};   ///< RAO/WI
    static constexpr sim::Bit RWP{31};
};

struct GicdTyper : sim::Record<1> {
    static constexpr sim::Bits<4, 0> ITLinesNumber{};
    static constexpr sim::Bit MBIS{16};
    static constexpr sim::Bit LPIS{17};
    static constexpr sim::Bit DVIS{18};  ///< virtual LPIs
    static constexpr sim::Bits<23, 19> IDbits{};
    static constexpr sim::Bit No1N{25};
};

/// Affinities of GICD_IROUTER. Aff3 is RES0 because TYPER.A3V is, the routing mode because 1-of-N is not offered
/// (TYPER.No1N).
inline constexpr u64 irouter_writable = 0xFF'FFFF;

inline constexpr u32 implementer_iidr = 0x0000'043B;
inline constexpr u32 gicd_setspi = 0x40;
inline constexpr u32 gicd_clrspi = 0x48;

/// ID registers of every frame: an architecture-revision-3 part of Arm's identification scheme (12.9.x, PIDR2.ArchRev).
template <class Device>
constexpr sim::Register<Device> id_register(const char* name, u32 offset, u64 value) {
    return {.name = name, .offset = offset, .reset = value};
}

/// ArchRev in bits [7:4]
inline constexpr u64 pidr2(Version version) { return version == Version::V3 ? 0x3B : 0x4B; }

template <class Device>
inline constexpr std::array distributor_registers{
    sim::Register<Device>{.name = "GICD_CTLR",
                          .offset = 0x0000,
                          .writable = 0x3,
                          .on_write = &Device::write_ctlr,
                          .on_read = &Device::read_ctlr},
    sim::Register<Device>{.name = "GICD_TYPER", .offset = 0x0004, .on_read = &Device::read_typer},
    sim::Register<Device>{.name = "GICD_IIDR", .offset = 0x0008, .reset = implementer_iidr},
    // Doorbells: write-only, taken as messages before they get here.
    sim::Register<Device>{.name = "GICD_SETSPI_NSR", .offset = gicd_setspi},
    sim::Register<Device>{.name = "GICD_CLRSPI_NSR", .offset = gicd_clrspi},
    sim::Register<Device>{.name = "GICD_IGROUPR",
                          .offset = 0x0080,
                          .writable = 0xFFFF'FFFF,
                          .count = 32,
                          .on_write = &Device::write_igroupr,
                          .on_read = &Device::read_igroupr},
    sim::Register<Device>{.name = "GICD_ISENABLER",
                          .offset = 0x0100,
                          .writable = 0xFFFF'FFFF,
                          .count = 32,
                          .on_write = &Device::write_isenabler,
                          .on_read = &Device::read_enabler},
    sim::Register<Device>{.name = "GICD_ICENABLER",
                          .offset = 0x0180,
                          .writable = 0xFFFF'FFFF,
                          .count = 32,
                          .on_write = &Device::write_icenabler,
                          .on_read = &Device::read_enabler},
    sim::Register<Device>{.name = "GICD_ISPENDR",
                          .offset = 0x0200,
                          .writable = 0xFFFF'FFFF,
                          .count = 32,
                          .on_write = &Device::write_ispendr,
                          .on_read = &Device::read_pendr},
    sim::Register<Device>{.name = "GICD_ICPENDR",
                          .offset = 0x0280,
                          .writable = 0xFFFF'FFFF,
                          .count = 32,
                          .on_write = &Device::write_icpendr,
                          .on_read = &Device::read_pendr},
    sim::Register<Device>{.name = "GICD_ISACTIVER",
                          .offset = 0x0300,
                          .writable = 0xFFFF'FFFF,
                          .count = 32,
                          .on_write = &Device::write_isactiver,
                          .on_read = &Device::read_activer},
    sim::Register<Device>{.name = "GICD_ICACTIVER",
                          .offset = 0x0380,
                          .writable = 0xFFFF'FFFF,
                          .count = 32,
                          .on_write = &Device::write_icactiver,
                          .on_read = &Device::read_activer},
    sim::Register<Device>{.name = "GICD_IPRIORITYR",
                          .offset = 0x0400,
                          .writable = 0xFFFF'FFFF,
                          .count = 255,
                          .on_write = &Device::write_ipriorityr,
                          .on_read = &Device::read_ipriorityr,
                          .bytes = true},
    sim::Register<Device>{.name = "GICD_ICFGR",
                          .offset = 0x0C00,
                          .writable = 0xFFFF'FFFF,
                          .count = 64,
                          .on_write = &Device::write_icfgr,
                          .on_read = &Device::read_icfgr},
    sim::Register<Device>{.name = "GICD_IROUTER",
                          .offset = 0x6100,
                          .width = 64,
                          .writable = irouter_writable,
                          .count = last_spi + 1 - first_spi,
                          .on_write = &Device::write_irouter,
                          .on_read = &Device::read_irouter},
    id_register<Device>("GICD_PIDR4", 0xFFD0, 0x44),
    id_register<Device>("GICD_PIDR0", 0xFFE0, 0x92),
    id_register<Device>("GICD_PIDR1", 0xFFE4, 0xB4),
    sim::Register<Device>{.name = "GICD_PIDR2", .offset = 0xFFE8, .on_read = &Device::read_pidr2},
    id_register<Device>("GICD_CIDR0", 0xFFF0, 0x0D),
    id_register<Device>("GICD_CIDR1", 0xFFF4, 0xF0),
    id_register<Device>("GICD_CIDR2", 0xFFF8, 0x05),
    id_register<Device>("GICD_CIDR3", 0xFFFC, 0xB1),
};

/// A GICv2m frame (Server Base System Architecture, appendix on GICv2m).
inline constexpr u64 v2m_size = 4 * KiB;
inline constexpr u32 v2m_setspi = 0x40;

struct MsiTyper : sim::Record<1> {
    static constexpr sim::Bits<9, 0> NumberOfSPIs{};
    static constexpr sim::Bits<25, 16> BaseSPI{};
};

template <class Device>
inline constexpr std::array v2m_registers{
    sim::Register<Device>{.name = "MSI_TYPER", .offset = 0x008, .on_read = &Device::read_typer},
    sim::Register<Device>{.name = "MSI_SETSPI_NS", .offset = v2m_setspi},
    sim::Register<Device>{.name = "MSI_IIDR", .offset = 0xFCC, .reset = implementer_iidr},
};

}  // namespace smmusim::gic::spec
