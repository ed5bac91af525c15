// The distributor: shared peripheral interrupts, where they go, and which groups are forwarded at all (IHI 0069, 12.9).
#pragma once

#include <vector>

#include "gic/arch/interrupt_bank.hpp"
#include "gic/spec/distributor.hpp"

namespace smmusim::gic::arch {

class DistributorListener {
public:
    /// A register write or an acknowledge changed what may be forwarded. Called last: the cores may act within it.
    virtual void distributor_changed() = 0;

protected:
    ~DistributorListener() = default;
};

/// What a message to an SPI did.
enum class MessageResult : u8 { MadePending, WasPending, NoEffect };

class Distributor {
public:
    Distributor(u32 spis, u32 id_bits, u8 priority_bits, spec::Version version, DistributorListener& listener);

    void reset();

    /// Groups that GICD_CTLR forwards; group 1 gates LPIs as well.
    Groups groups() const { return groups_; }
    u32 id_bits() const { return id_bits_; }
    bool implements(u32 intid) const { return intid <= spec::last_spi && bank_.contains(intid); }
    const InterruptBank& bank() const { return bank_; }
    u32 affinity(u32 intid) const { return affinity_[intid - spec::first_spi]; }

    // Messages and wires; whoever brings them tells the redistributors.
    MessageResult set_by_message(u32 intid);
    MessageResult clear_by_message(u32 intid);
    /// A GICv2m frame raises its SPI for a moment: only an edge-triggered one remembers.
    MessageResult pulse(u32 intid);
    void drive(u32 intid, bool asserted);

    Candidate best(u32 affinity, Groups groups) const;
    Candidate find(u32 intid, u32 affinity, Groups groups) const;
    void acknowledge(u32 intid);
    void deactivate(u32 intid);

    // Registers; `index` counts from INTID 0, whose private part belongs to the redistributors (RAZ/WI here).
    void write_ctlr(u32, u64 value);
    u64 read_ctlr(u32);
    u64 read_typer(u32);
    u64 read_pidr2(u32) { return spec::pidr2(version_); }
    void write_igroupr(u32 index, u64 value);
    u64 read_igroupr(u32 index) { return has(index) ? bank_.group(index - 1) : 0; }
    void write_isenabler(u32 index, u64 value);
    void write_icenabler(u32 index, u64 value);
    u64 read_enabler(u32 index) { return has(index) ? bank_.enabled(index - 1) : 0; }
    void write_ispendr(u32 index, u64 value);
    void write_icpendr(u32 index, u64 value);
    u64 read_pendr(u32 index) { return has(index) ? bank_.pending(index - 1) : 0; }
    void write_isactiver(u32 index, u64 value);
    void write_icactiver(u32 index, u64 value);
    u64 read_activer(u32 index) { return has(index) ? bank_.active(index - 1) : 0; }
    void write_ipriorityr(u32 index, u64 value);
    u64 read_ipriorityr(u32 index) { return has(index / 8) ? bank_.priorities(index - 8) : 0; }
    void write_icfgr(u32 index, u64 value);
    u64 read_icfgr(u32 index) { return has(index / 2) ? bank_.triggers(index - 2) : 0; }
    void write_irouter(u32 index, u64 value);
    u64 read_irouter(u32 index);

private:
    bool has(u32 word) const { return word >= 1 && word <= bank_.words(); }
    /// Bits of a word that stand for SPIs; the last word ends with the special INTIDs.
    static u32 implemented(u32 index) { return index == 31 ? 0x0FFF'FFFF : 0xFFFF'FFFF; }
    static u32 mask(u32 index, u64 value) { return static_cast<u32>(value) & implemented(index); }

    DistributorListener& listener_;
    u32 id_bits_;
    spec::Version version_;
    InterruptBank bank_;
    std::vector<u32> affinity_;
    Groups groups_ = 0;
};

}  // namespace smmusim::gic::arch
