// Registers of a redistributor: RD_base and, 64 KiB above, SGI_base (IHI 0069, 12.11).
#pragma once

#include "gic/spec/distributor.hpp"
#include "gic/spec/virtual.hpp"

namespace smmusim::gic::spec {

/// GICv4 adds VLPI_base and a reserved frame.
inline constexpr u64 redistributor_size(Version version) { return version == Version::V3 ? 128 * KiB : 256 * KiB; }
inline constexpr u32 sgi_base = 0x10000;
inline constexpr u32 gicr_setlpir = 0x40;

struct GicrCtlr : sim::Record<1> {
    static constexpr sim::Bit EnableLPIs{0};
    static constexpr sim::Bit CES{1};  ///< EnableLPIs can be cleared
    static constexpr sim::Bit IR{2};   ///< INVLPIR, INVALLR, SYNCR exist
    static constexpr sim::Bit RWP{3};
};

struct GicrTyper : sim::Record<1> {
    static constexpr sim::Bit PLPIS{0};
    static constexpr sim::Bit VLPIS{1};
    static constexpr sim::Bit Dirty{2};      ///< GICR_VPENDBASER.Dirty works
    static constexpr sim::Bit DirectLPI{3};  ///< SETLPIR and CLRLPIR work
    static constexpr sim::Bit Last{4};
    static constexpr sim::Bit RVPEID{7};  ///< GICv4.1: vPEs are named by number
    static constexpr sim::Bits<23, 8> Processor_Number{};
    static constexpr sim::Bit VSGI{26};
    static constexpr sim::Bits<63, 32> Affinity_Value{};
};

struct GicrWaker : sim::Record<1> {
    static constexpr sim::Bit ProcessorSleep{1};
    static constexpr sim::Bit ChildrenAsleep{2};
};

template <class Device>
inline constexpr std::array redistributor_registers{
    sim::Register<Device>{.name = "GICR_CTLR",
                          .offset = 0x0000,
                          .writable = 0x1,
                          .on_write = &Device::write_ctlr,
                          .on_read = &Device::read_ctlr},
    sim::Register<Device>{.name = "GICR_IIDR", .offset = 0x0004, .reset = implementer_iidr},
    sim::Register<Device>{.name = "GICR_TYPER", .offset = 0x0008, .width = 64, .on_read = &Device::read_typer},
    sim::Register<Device>{.name = "GICR_WAKER",
                          .offset = 0x0014,
                          .writable = 0x2,
                          .on_write = &Device::write_waker,
                          .on_read = &Device::read_waker},
    // Write-only; GICR_SETLPIR is a doorbell and taken as a message before it gets here.
    sim::Register<Device>{.name = "GICR_SETLPIR", .offset = gicr_setlpir, .width = 64},
    sim::Register<Device>{.name = "GICR_CLRLPIR",
                          .offset = 0x0048,
                          .width = 64,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_clrlpir},
    sim::Register<Device>{.name = "GICR_PROPBASER",
                          .offset = 0x0070,
                          .width = 64,
                          .writable = PropBaser::writable,
                          .on_write = &Device::write_propbaser,
                          .on_read = &Device::read_propbaser},
    sim::Register<Device>{.name = "GICR_PENDBASER",
                          .offset = 0x0078,
                          .width = 64,
                          .writable = PendBaser::writable,
                          .on_write = &Device::write_pendbaser,
                          .on_read = &Device::read_pendbaser},
    sim::Register<Device>{.name = "GICR_INVLPIR",
                          .offset = 0x00A0,
                          .width = 64,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_invlpir},
    sim::Register<Device>{.name = "GICR_INVALLR",
                          .offset = 0x00B0,
                          .width = 64,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_invallr},
    sim::Register<Device>{.name = "GICR_SYNCR", .offset = 0x00C0},
    id_register<Device>("GICR_PIDR4", 0xFFD0, 0x44),
    id_register<Device>("GICR_PIDR0", 0xFFE0, 0x93),
    id_register<Device>("GICR_PIDR1", 0xFFE4, 0xB4),
    sim::Register<Device>{.name = "GICR_PIDR2", .offset = 0xFFE8, .on_read = &Device::read_pidr2},
    id_register<Device>("GICR_CIDR0", 0xFFF0, 0x0D),
    id_register<Device>("GICR_CIDR1", 0xFFF4, 0xF0),
    id_register<Device>("GICR_CIDR2", 0xFFF8, 0x05),
    id_register<Device>("GICR_CIDR3", 0xFFFC, 0xB1),
    sim::Register<Device>{.name = "GICR_IGROUPR0",
                          .offset = 0x10080,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_igroupr,
                          .on_read = &Device::read_igroupr},
    sim::Register<Device>{.name = "GICR_ISENABLER0",
                          .offset = 0x10100,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_isenabler,
                          .on_read = &Device::read_enabler},
    sim::Register<Device>{.name = "GICR_ICENABLER0",
                          .offset = 0x10180,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_icenabler,
                          .on_read = &Device::read_enabler},
    sim::Register<Device>{.name = "GICR_ISPENDR0",
                          .offset = 0x10200,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_ispendr,
                          .on_read = &Device::read_pendr},
    sim::Register<Device>{.name = "GICR_ICPENDR0",
                          .offset = 0x10280,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_icpendr,
                          .on_read = &Device::read_pendr},
    sim::Register<Device>{.name = "GICR_ISACTIVER0",
                          .offset = 0x10300,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_isactiver,
                          .on_read = &Device::read_activer},
    sim::Register<Device>{.name = "GICR_ICACTIVER0",
                          .offset = 0x10380,
                          .writable = 0xFFFF'FFFF,
                          .on_write = &Device::write_icactiver,
                          .on_read = &Device::read_activer},
    sim::Register<Device>{.name = "GICR_IPRIORITYR",
                          .offset = 0x10400,
                          .writable = 0xFFFF'FFFF,
                          .count = 8,
                          .on_write = &Device::write_ipriorityr,
                          .on_read = &Device::read_ipriorityr,
                          .bytes = true},
    sim::Register<Device>{.name = "GICR_ICFGR",
                          .offset = 0x10C00,
                          .writable = 0xFFFF'FFFF,
                          .count = 2,
                          .on_write = &Device::write_icfgr,
                          .on_read = &Device::read_icfgr},
    // VLPI_base: beyond the frames of a GICv3
    sim::Register<Device>{.name = "GICR_VPROPBASER",
                          .offset = vlpi_base + 0x70,
                          .width = 64,
                          .writable = ~u64{0},
                          .on_write = &Device::write_vpropbaser,
                          .on_read = &Device::read_vpropbaser},
    sim::Register<Device>{.name = "GICR_VPENDBASER",
                          .offset = vlpi_base + 0x78,
                          .width = 64,
                          .writable = ~u64{0},
                          .on_write = &Device::write_vpendbaser,
                          .on_read = &Device::read_vpendbaser},
    sim::Register<Device>{
        .name = "GICR_VSGIR", .offset = vlpi_base + 0x80, .writable = 0xFFFF, .on_write = &Device::write_vsgir},
    sim::Register<Device>{.name = "GICR_VSGIPENDR", .offset = vlpi_base + 0x88, .on_read = &Device::read_vsgipendr},
};

}  // namespace smmusim::gic::spec
