// The registers of a counter group: names, offsets, widths, writable bits (IHI 0070, 10.5.1); what accesses do is in
// pmcg_registers.cpp.
#pragma once

#include <variant>

#include "sim/register_file.hpp"
#include "smmu/arch/pmcg_registers.hpp"

namespace smmusim::smmu::arch {

struct PmcgRegisters::Handlers {
    PmcgRegisters& owner;

    bool implemented(u32 counter) const { return counter < owner.shape_.counters; }
    u64 read_counter(u32 counter);
    void write_counter(u32 counter, u64 value);
    u64 read_type(u32 counter);
    void write_type(u32 counter, u64 value);
    u64 read_shadow(u32 counter);
    u64 read_stream(u32 counter);
    void write_stream(u32 counter, u64 value);
    u64 read_enabled(u32) { return owner.counters_.enabled(); }
    void set_enabled(u32, u64 ones);
    void clear_enabled(u32, u64 ones);
    u64 read_interrupting(u32) { return owner.counters_.interrupting(); }
    void set_interrupting(u32, u64 ones);
    void clear_interrupting(u32, u64 ones);
    u64 read_overflowed(u32);
    void set_overflowed(u32, u64 ones);
    void clear_overflowed(u32, u64 ones);
    void write_capr(u32, u64 value);
    u64 read_cfgr(u32);
    u64 read_cr(u32) { return owner.counters_.running() ? spec::pmcg_cr_E : 0; }
    void write_cr(u32, u64 value);
    u64 read_ceid(u32 half) { return half == 0 ? owner.shape_.events : 0; }
    u64 read_irq_ctrl(u32) { return owner.irq_ctrl_; }
    void write_irq_ctrl(u32, u64 value);
    u64 read_irq_ctrlack(u32) { return owner.irq_ctrl_ack_; }
    template <u64 PmcgRegisters::*member>
    u64 read_message(u32) {
        return owner.*member;
    }
    template <u64 PmcgRegisters::*member>
    void write_message(u32, u64 value);
    u64 read_irq_status(u32) { return owner.irq_status_; }
    u64 read_aidr(u32) { return owner.shape_.minor_revision; }
};

/// `Width`: of the registers that hold counter values, 32 or 64.
template <u8 Width>
struct PmcgRegisters::Table {
    using H = Handlers;
    using P = PmcgRegisters;
    using Row = sim::Register<Handlers>;
    static constexpr u64 all = ~u64{0};
    /// What the group does not implement is refused by its handler and stays RES0; the registers of absent features
    /// (Secure and Realm state, MPAM) have no row.
    static constexpr std::array rows{
        Row{.name = "EVCNTR",
            .offset = 0x000,
            .width = Width,
            .writable = all,
            .count = 64,
            .on_write = &H::write_counter,
            .on_read = &H::read_counter},
        Row{.name = "EVTYPER",
            .offset = 0x400,
            .writable = 0xA000'FFFF,
            .count = 64,
            .on_write = &H::write_type,
            .on_read = &H::read_type},
        Row{.name = "SVR", .offset = 0x600, .width = Width, .count = 64, .on_read = &H::read_shadow},
        Row{.name = "SMR",
            .offset = 0xA00,
            .writable = 0xFFFF'FFFF,
            .count = 64,
            .on_write = &H::write_stream,
            .on_read = &H::read_stream},
        Row{.name = "CNTENSET0",
            .offset = 0xC00,
            .width = 64,
            .writable = all,
            .on_write = &H::set_enabled,
            .on_read = &H::read_enabled,
            .write_one = true},
        Row{.name = "CNTENCLR0",
            .offset = 0xC20,
            .width = 64,
            .writable = all,
            .on_write = &H::clear_enabled,
            .on_read = &H::read_enabled,
            .write_one = true},
        Row{.name = "INTENSET0",
            .offset = 0xC40,
            .width = 64,
            .writable = all,
            .on_write = &H::set_interrupting,
            .on_read = &H::read_interrupting,
            .write_one = true},
        Row{.name = "INTENCLR0",
            .offset = 0xC60,
            .width = 64,
            .writable = all,
            .on_write = &H::clear_interrupting,
            .on_read = &H::read_interrupting,
            .write_one = true},
        Row{.name = "OVSCLR0",
            .offset = 0xC80,
            .width = 64,
            .writable = all,
            .on_write = &H::clear_overflowed,
            .on_read = &H::read_overflowed,
            .write_one = true},
        Row{.name = "OVSSET0",
            .offset = 0xCC0,
            .width = 64,
            .writable = all,
            .on_write = &H::set_overflowed,
            .on_read = &H::read_overflowed,
            .write_one = true},
        Row{.name = "CAPR",
            .offset = 0xD88,
            .writable = spec::pmcg_capr_CAPTURE,
            .on_write = &H::write_capr,
            .write_one = true},
        Row{.name = "CFGR", .offset = 0xE00, .on_read = &H::read_cfgr},
        Row{.name = "CR",
            .offset = 0xE04,
            .writable = spec::pmcg_cr_E,
            .on_write = &H::write_cr,
            .on_read = &H::read_cr},
        Row{.name = "IIDR", .offset = 0xE08, .reset = 0x0000'043B},
        Row{.name = "CEID", .offset = 0xE20, .width = 64, .count = 2, .on_read = &H::read_ceid},
        Row{.name = "IRQ_CTRL",
            .offset = 0xE50,
            .writable = spec::pmcg_irq_ctrl_IRQEN,
            .on_write = &H::write_irq_ctrl,
            .on_read = &H::read_irq_ctrl},
        Row{.name = "IRQ_CTRLACK", .offset = 0xE54, .on_read = &H::read_irq_ctrlack},
        Row{.name = "IRQ_CFG0",
            .offset = 0xE58,
            .width = 64,
            .writable = sim::low_mask(56) & ~u64{3},
            .on_write = &H::write_message<&P::message_address_>,
            .on_read = &H::read_message<&P::message_address_>},
        Row{.name = "IRQ_CFG1",
            .offset = 0xE60,
            .writable = 0xFFFF'FFFF,
            .on_write = &H::write_message<&P::message_data_>,
            .on_read = &H::read_message<&P::message_data_>},
        Row{.name = "IRQ_CFG2",
            .offset = 0xE64,
            .writable = 0x3F,
            .on_write = &H::write_message<&P::message_memory_>,
            .on_read = &H::read_message<&P::message_memory_>},
        Row{.name = "IRQ_STATUS", .offset = 0xE68, .on_read = &H::read_irq_status},
        Row{.name = "AIDR", .offset = 0xE70, .on_read = &H::read_aidr},
        Row{.name = "PMAUTHSTATUS", .offset = 0xFB8},
        Row{.name = "PMDEVARCH", .offset = 0xFBC, .reset = 0x4770'2A56},
        Row{.name = "PMDEVTYPE", .offset = 0xFCC, .reset = 0x56},
        Row{.name = "PIDR4", .offset = 0xFD0, .reset = 0x04},
        Row{.name = "PIDR5", .offset = 0xFD4},
        Row{.name = "PIDR6", .offset = 0xFD8},
        Row{.name = "PIDR7", .offset = 0xFDC},
        Row{.name = "PIDR0", .offset = 0xFE0},
        Row{.name = "PIDR1", .offset = 0xFE4, .reset = 0xB0},
        Row{.name = "PIDR2", .offset = 0xFE8, .reset = 0x0B},
        Row{.name = "PIDR3", .offset = 0xFEC},
        Row{.name = "CIDR0", .offset = 0xFF0, .reset = 0x0D},
        Row{.name = "CIDR1", .offset = 0xFF4, .reset = 0x90},
        Row{.name = "CIDR2", .offset = 0xFF8, .reset = 0x05},
        Row{.name = "CIDR3", .offset = 0xFFC, .reset = 0xB1},
    };
};

struct PmcgRegisters::File : Handlers {
    using Narrow = sim::RegisterFile<Handlers, Table<32>::rows>;
    using Wide = sim::RegisterFile<Handlers, Table<64>::rows>;
    File(PmcgRegisters& registers, bool wide) : Handlers{registers} {
        if (wide) values.emplace<Wide>();
    }
    std::variant<Narrow, Wide> values;
};

}  // namespace smmusim::smmu::arch
