// The registers of both pages: names, offsets, widths, writable bits (IHI 0070, 6.2); what writes do is in
// registers.cpp.
#pragma once

#include "sim/register_file.hpp"
#include "smmu/arch/registers.hpp"

namespace smmusim::smmu::arch {

inline constexpr u64 index_bits = sim::low_mask(20);
inline constexpr u64 overflow_flag = u64{1} << 31;
inline constexpr u64 queue_base_bits = (u64{1} << 62) | (sim::low_mask(56) & ~u64{0x1F}) | 0x1F;
inline constexpr u64 strtab_base_bits = (u64{1} << 62) | (sim::low_mask(56) & ~u64{0x3F});
inline constexpr u64 message_address_bits = sim::low_mask(56) & ~u64{3};
inline constexpr u64 gbpa_bits = 0x801F'3F1F;

constexpr u64 error_bit(spec::GlobalError error) { return u64{1} << static_cast<unsigned>(error); }

struct Registers::Handlers {
    Registers& owner;

    u64 idr0(u32) { return owner.id_.idr0.value(); }
    u64 idr1(u32) { return owner.id_.idr1.value(); }
    u64 idr3(u32) { return owner.id_.idr3.value(); }
    u64 idr5(u32) { return owner.id_.idr5_value(); }
    u64 aidr(u32) { return owner.id_.aidr.value(); }
    u64 read_cmdq_cons(u32) { return own_index(spec::Queue::Command); }
    u64 read_eventq_prod(u32) { return own_index(spec::Queue::Event); }
    u64 read_priq_prod(u32) { return own_index(spec::Queue::Pri); }
    u64 statusr(u32) { return owner.id_.idr0.DORMHINT != 0 && owner.effects_.dormant() ? 1 : 0; }

    void write_cr0(u32, u64 value);
    void write_cr1(u32, u64 value);
    void write_cr2(u32, u64 value);
    void write_gbpa(u32, u64 value);
    void write_irq_ctrl(u32, u64 value);
    void write_gerrorn(u32, u64 value);
    void write_strtab_base(u32, u64 value);
    void write_strtab_base_cfg(u32, u64 value);
    void write_cmdq_base(u32, u64 value);
    void write_cmdq_prod(u32, u64 value);
    void write_cmdq_cons(u32, u64 value);
    void write_eventq_base(u32, u64 value);
    void write_eventq_prod(u32, u64 value);
    void write_eventq_cons(u32, u64 value);
    void write_priq_base(u32, u64 value);
    void write_priq_prod(u32, u64 value);
    void write_priq_cons(u32, u64 value);
    template <spec::InterruptSource source, unsigned number>
    void write_irq_cfg(u32, u64 value);
    void write_gatos_ctrl(u32, u64 value);
    void write_gatos_sid(u32, u64 value);
    void write_gatos_addr(u32, u64 value);

    /// An enable is off if it is 0 both as written and as in force: what a guard demands.
    template <class Field>
    bool off(Field enable) const;
    bool queues_off() const;
    bool interrupt_off(spec::InterruptSource source) const;
    /// The register of the SMMU's own index: bits above the wrap bit read as zero (3.5.1).
    u64 own_index(spec::Queue queue) const;
};

struct Registers::File : Handlers {
    using H = Handlers;
    using Row = sim::Register<Handlers>;
    using Source = spec::InterruptSource;
    /// The rows by offset; page 1 starts at 0x10000. What a handler refuses because the feature is absent stays RES0;
    /// the offsets of other absent features (Secure, MPAM, VATOS, ECMDQ, DPT) have no row.
    static constexpr std::array rows{
        Row{.name = "IDR0", .offset = 0x00, .on_read = &H::idr0},
        Row{.name = "IDR1", .offset = 0x04, .on_read = &H::idr1},
        Row{.name = "IDR2", .offset = 0x08},
        Row{.name = "IDR3", .offset = 0x0C, .on_read = &H::idr3},
        Row{.name = "IDR4", .offset = 0x10},
        Row{.name = "IDR5", .offset = 0x14, .on_read = &H::idr5},
        Row{.name = "IIDR", .offset = 0x18, .reset = 0x0000'043B},
        Row{.name = "AIDR", .offset = 0x1C, .on_read = &H::aidr},
        Row{.name = "CR0", .offset = 0x20, .writable = 0b1'1101'1111, .on_write = &H::write_cr0},
        Row{.name = "CR0ACK", .offset = 0x24},
        Row{.name = "CR1", .offset = 0x28, .writable = 0xFFF, .on_write = &H::write_cr1},
        Row{.name = "CR2", .offset = 0x2C, .writable = 0b1111, .on_write = &H::write_cr2},
        Row{.name = "STATUSR", .offset = 0x40, .on_read = &H::statusr},
        Row{.name = "GBPA", .offset = 0x44, .writable = gbpa_bits, .on_write = &H::write_gbpa},
        Row{.name = "AGBPA", .offset = 0x48},
        Row{.name = "IRQ_CTRL", .offset = 0x50, .writable = 0b111, .on_write = &H::write_irq_ctrl},
        Row{.name = "IRQ_CTRLACK", .offset = 0x54},
        Row{.name = "GERROR", .offset = 0x60},
        Row{.name = "GERRORN", .offset = 0x64, .writable = 0b1111'1101, .on_write = &H::write_gerrorn},
        Row{.name = "GERROR_IRQ_CFG0",
            .offset = 0x68,
            .width = 64,
            .writable = message_address_bits,
            .on_write = &H::write_irq_cfg<Source::GlobalError, 0>},
        Row{.name = "GERROR_IRQ_CFG1",
            .offset = 0x70,
            .writable = 0xFFFF'FFFF,
            .on_write = &H::write_irq_cfg<Source::GlobalError, 1>},
        Row{.name = "GERROR_IRQ_CFG2",
            .offset = 0x74,
            .writable = 0x3F,
            .on_write = &H::write_irq_cfg<Source::GlobalError, 2>},
        Row{.name = "STRTAB_BASE",
            .offset = 0x80,
            .width = 64,
            .writable = strtab_base_bits,
            .on_write = &H::write_strtab_base},
        Row{.name = "STRTAB_BASE_CFG", .offset = 0x88, .writable = 0x3'07FF, .on_write = &H::write_strtab_base_cfg},
        Row{.name = "CMDQ_BASE",
            .offset = 0x90,
            .width = 64,
            .writable = queue_base_bits,
            .on_write = &H::write_cmdq_base},
        Row{.name = "CMDQ_PROD", .offset = 0x98, .writable = index_bits, .on_write = &H::write_cmdq_prod},
        Row{.name = "CMDQ_CONS",
            .offset = 0x9C,
            .writable = index_bits,
            .on_write = &H::write_cmdq_cons,
            .on_read = &H::read_cmdq_cons},
        Row{.name = "EVENTQ_BASE",
            .offset = 0xA0,
            .width = 64,
            .writable = queue_base_bits,
            .on_write = &H::write_eventq_base},
        Row{.name = "EVENTQ_IRQ_CFG0",
            .offset = 0xb0,
            .width = 64,
            .writable = message_address_bits,
            .on_write = &H::write_irq_cfg<Source::Event, 0>},
        Row{.name = "EVENTQ_IRQ_CFG1",
            .offset = 0xb8,
            .writable = 0xFFFF'FFFF,
            .on_write = &H::write_irq_cfg<Source::Event, 1>},
        Row{.name = "EVENTQ_IRQ_CFG2",
            .offset = 0xbc,
            .writable = 0x3F,
            .on_write = &H::write_irq_cfg<Source::Event, 2>},
        Row{.name = "PRIQ_BASE",
            .offset = 0xC0,
            .width = 64,
            .writable = queue_base_bits,
            .on_write = &H::write_priq_base},
        Row{.name = "PRIQ_IRQ_CFG0",
            .offset = 0xd0,
            .width = 64,
            .writable = message_address_bits,
            .on_write = &H::write_irq_cfg<Source::Pri, 0>},
        Row{.name = "PRIQ_IRQ_CFG1",
            .offset = 0xd8,
            .writable = 0xFFFF'FFFF,
            .on_write = &H::write_irq_cfg<Source::Pri, 1>},
        Row{.name = "PRIQ_IRQ_CFG2",
            .offset = 0xdc,
            .writable = 0x8000'003F,
            .on_write = &H::write_irq_cfg<Source::Pri, 2>},
        Row{.name = "GATOS_CTRL", .offset = 0x100, .writable = 1, .on_write = &H::write_gatos_ctrl},
        Row{.name = "GATOS_SID",
            .offset = 0x108,
            .width = 64,
            .writable = sim::low_mask(53),
            .on_write = &H::write_gatos_sid},
        Row{.name = "GATOS_ADDR",
            .offset = 0x110,
            .width = 64,
            .writable = ~u64{0x3F},
            .on_write = &H::write_gatos_addr},
        Row{.name = "GATOS_PAR", .offset = 0x118, .width = 64},
        Row{.name = "PIDR4", .offset = 0xfd0, .reset = 0x4},
        Row{.name = "PIDR5", .offset = 0xfd4, .reset = 0x0},
        Row{.name = "PIDR6", .offset = 0xfd8, .reset = 0x0},
        Row{.name = "PIDR7", .offset = 0xfdc, .reset = 0x0},
        Row{.name = "PIDR0", .offset = 0xfe0, .reset = 0x84},
        Row{.name = "PIDR1", .offset = 0xfe4, .reset = 0xb4},
        Row{.name = "PIDR2", .offset = 0xfe8, .reset = 0xf0},
        Row{.name = "PIDR3", .offset = 0xfec, .reset = 0x10},
        Row{.name = "CIDR0", .offset = 0xff0, .reset = 0xd},
        Row{.name = "CIDR1", .offset = 0xff4, .reset = 0xf0},
        Row{.name = "CIDR2", .offset = 0xff8, .reset = 0x5},
        Row{.name = "CIDR3", .offset = 0xffc, .reset = 0xb1},
        Row{.name = "EVENTQ_PROD",
            .offset = 0x100A8,
            .writable = index_bits | overflow_flag,
            .on_write = &H::write_eventq_prod,
            .on_read = &H::read_eventq_prod},
        Row{.name = "EVENTQ_CONS",
            .offset = 0x100AC,
            .writable = index_bits | overflow_flag,
            .on_write = &H::write_eventq_cons},
        Row{.name = "PRIQ_PROD",
            .offset = 0x100C8,
            .writable = index_bits | overflow_flag,
            .on_write = &H::write_priq_prod,
            .on_read = &H::read_priq_prod},
        Row{.name = "PRIQ_CONS",
            .offset = 0x100CC,
            .writable = index_bits | overflow_flag,
            .on_write = &H::write_priq_cons},
    };
    explicit File(Registers& registers) : Handlers{registers} {}
    sim::RegisterFile<Handlers, rows> values;
};

}  // namespace smmusim::smmu::arch
