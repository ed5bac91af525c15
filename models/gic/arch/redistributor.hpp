// The registers of a redistributor: private interrupts, sleep, and where the LPI tables are (IHI 0069, 12.11).
#pragma once

#include "gic/arch/interrupt_bank.hpp"
#include "gic/spec/redistributor.hpp"

namespace smmusim::gic::arch {

class RedistributorListener {
public:
    /// Something changed that may change which interrupt the PE should see.
    virtual void private_changed() = 0;
    virtual void lpis_enabled() = 0;
    /// The pending state is to be written back; RWP is set until write_back_done().
    virtual void lpis_disabled() = 0;
    virtual void invalidate_property(u32 intid) = 0;
    virtual void invalidate_properties() = 0;
    virtual void clear_lpi(u32 intid) = 0;
    /// GICR_VPENDBASER.Valid rose: its vPE becomes resident; vpe_settled() when it is.
    virtual void vpe_scheduled() = 0;
    /// It fell; vpe_settled() when memory holds the state of the vPE. `doorbell`: its next interrupt is to ring.
    virtual void vpe_descheduled(bool doorbell) = 0;
    /// Which virtual SGIs of a vPE are pending? answer_sgi_query() tells.
    virtual void virtual_sgis_wanted(u32 vpe) = 0;

protected:
    ~RedistributorListener() = default;
};

class Redistributor {
public:
    struct Identity {
        u32 processor = 0;
        bool last = false;
        u32 id_bits = 16;
        u8 priority_bits = 5;
        bool direct_lpi = false;
        spec::Version version = spec::Version::V3;
    };
    Redistributor(const Identity& identity, RedistributorListener& listener);

    void reset();

    bool asleep() const { return asleep_; }
    bool lpis_enabled() const { return enable_lpis_; }
    bool write_back_pending() const { return write_back_; }
    void write_back_done() { write_back_ = false; }
    u32 affinity() const { return spec::affinity_of(identity_.processor); }
    InterruptBank& bank() { return bank_; }
    const InterruptBank& bank() const { return bank_; }
    const spec::PropBaser& properties() const { return propbaser_; }
    const spec::PendBaser& pending_table() const { return pendbaser_; }
    void forget_empty_table() { pendbaser_.set(spec::PendBaser::PTZ, false); }

    /// One more than the highest LPI: limited by GICR_PROPBASER.IDbits and by GICD_TYPER.IDbits.
    u32 lpi_end() const;
    bool implements_lpi(u32 intid) const { return spec::is_lpi(intid) && intid < lpi_end(); }

    // GICv4
    spec::Version version() const { return identity_.version; }
    u32 id_bits() const { return identity_.id_bits; }
    const spec::VPropBaser& virtual_properties() const { return vpropbaser_; }
    const spec::VPendBaser& virtual_pending() const { return vpendbaser_; }
    void vpe_settled(bool pending_last);
    void answer_sgi_query(u16 pending);

    void write_ctlr(u32, u64 value);
    u64 read_ctlr(u32);
    u64 read_typer(u32);
    u64 read_pidr2(u32) { return spec::pidr2(identity_.version); }
    void write_vpropbaser(u32, u64 value);
    u64 read_vpropbaser(u32) { return vpropbaser_.words[0]; }
    void write_vpendbaser(u32, u64 value);
    u64 read_vpendbaser(u32) { return vpendbaser_.words[0]; }
    void write_vsgir(u32, u64 value);
    u64 read_vsgipendr(u32) { return virtual_sgis_.words[0]; }
    void write_waker(u32, u64 value);
    u64 read_waker(u32);
    void write_propbaser(u32, u64 value);
    u64 read_propbaser(u32) { return propbaser_.words[0]; }
    void write_pendbaser(u32, u64 value);
    u64 read_pendbaser(u32) { return pendbaser_.words[0] & spec::PendBaser::readable; }
    /// GICR_TYPER.DirectLPI: software and devices set LPIs pending here, without an ITS.
    bool direct_lpi() const { return identity_.direct_lpi; }
    void write_clrlpir(u32, u64 value) {
        if (identity_.direct_lpi) listener_.clear_lpi(static_cast<u32>(value));
    }
    void write_invlpir(u32, u64 value) { listener_.invalidate_property(static_cast<u32>(value)); }
    void write_invallr(u32, u64) { listener_.invalidate_properties(); }
    void write_igroupr(u32, u64 value);
    u64 read_igroupr(u32) { return bank_.group(0); }
    void write_isenabler(u32, u64 value);
    void write_icenabler(u32, u64 value);
    u64 read_enabler(u32) { return bank_.enabled(0); }
    void write_ispendr(u32, u64 value);
    void write_icpendr(u32, u64 value);
    u64 read_pendr(u32) { return bank_.pending(0); }
    void write_isactiver(u32, u64 value);
    void write_icactiver(u32, u64 value);
    u64 read_activer(u32) { return bank_.active(0); }
    void write_ipriorityr(u32 index, u64 value);
    u64 read_ipriorityr(u32 index) { return bank_.priorities(index); }
    void write_icfgr(u32 index, u64 value);
    u64 read_icfgr(u32 index) { return bank_.triggers(index); }

private:
    RedistributorListener& listener_;
    Identity identity_;
    InterruptBank bank_;
    bool asleep_ = true;
    bool enable_lpis_ = false;
    bool write_back_ = false;
    spec::PropBaser propbaser_;
    spec::PendBaser pendbaser_;
    spec::VPropBaser vpropbaser_;
    spec::VPendBaser vpendbaser_;
    spec::VSgiPendr virtual_sgis_;
};

}  // namespace smmusim::gic::arch
