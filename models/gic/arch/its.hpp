// The registers of an ITS and the rules that hold between them: enable, command queue, tables (IHI 0069, 5.2
// and 12.18).
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "gic/arch/its_table.hpp"

namespace smmusim::gic::arch {

class ItsListener {
public:
    /// GITS_CTLR.Enabled changed.
    virtual void enabled_changed(bool enabled) = 0;
    /// The command queue may have something to execute.
    virtual void queue_written() = 0;
    /// Work is under way that keeps GITS_CTLR.Quiescent at 0 although the ITS is disabled.
    virtual bool busy() const = 0;

protected:
    ~ItsListener() = default;
};

class Its {
public:
    struct Limits {
        u32 device_bits = 16;
        u32 event_bits = 16;
        u32 collection_bits = 16;
        u32 id_bits = 16;                ///< of INTIDs
        u32 hardware_collections = 0;    ///< ICIDs below need no memory
        bool collection_table = true;    ///< collections may lie in memory
        bool collections_add_up = true;  ///< TYPER.CCT: those in memory begin after those of the hardware
        bool indirect_devices = true;
        bool indirect_collections = true;
        bool system_errors = false;  ///< TYPER.SEIS
        spec::Version version = spec::Version::V3;
        u32 number = 0;                 ///< CTLR.ITS_Number
        u32 redistributors = 1;         ///< Processor_Numbers 0 .. n-1 exist
        bool target_addresses = false;  ///< TYPER.PTA
        u64 redistributor_base = 0;
        u64 redistributor_size = 0;
    };

    Its(const Limits& limits, ItsListener& listener);

    void reset();

    bool enabled() const { return enabled_; }
    bool quiescent() const { return !enabled_ && !listener_.busy(); }
    const Limits& limits() const { return limits_; }
    const spec::Cbaser& cbaser() const { return cbaser_; }
    const spec::Baser& device_baser() const { return baser_[device_table_register]; }
    const spec::Baser& collection_baser() const { return baser_[collection_table_register]; }
    const spec::Baser& vpe_baser() const { return baser_[vpe_table_register]; }
    Table vpe_table() const { return {vpe_baser(), u64{1} << spec::vpe_bits}; }
    bool has_virtual() const { return limits_.version != spec::Version::V3; }
    u32 event_entry_bytes() const { return spec::TranslationEntry::entry_bytes(has_virtual()); }
    Table device_table() const { return {device_baser(), u64{1} << limits_.device_bits}; }
    bool implements_lpi(u32 intid) const { return spec::is_lpi(intid) && intid < (u64{1} << limits_.id_bits); }
    /// The redistributor that an RDbase of a command names: by Processor_Number or by address, as TYPER.PTA says.
    std::optional<u32> redistributor(u64 rdbase) const;

    /// Collections: the first few may live in the ITS, the others in memory.
    bool has_collection(u32 icid) const;
    bool holds_collection(u32 icid) const { return icid < held_collections_.size(); }
    spec::CollectionEntry& held_collection(u32 icid) { return held_collections_[icid]; }
    const spec::CollectionEntry& held_collection(u32 icid) const { return held_collections_[icid]; }
    Table collection_table() const;
    u32 collection_index(u32 icid) const { return icid - first_in_memory(); }

    /// Enabled, a queue, not stalled, a legal write offset, and something to read.
    bool command_waits() const;
    u64 command_address() const { return cbaser_[spec::Cbaser::Physical_Address] + read_offset_; }
    u64 read_offset() const { return read_offset_; }
    /// The command at the read offset has been consumed.
    void advance();
    /// The command at the read offset failed and is not passed until software intervenes.
    void stall() { stalled_ = true; }
    bool stalled() const { return stalled_; }

    void write_ctlr(u32, u64 value);
    u64 read_ctlr(u32);
    u64 read_typer(u32);
    u64 read_pidr2(u32) { return spec::pidr2(limits_.version); }
    void write_cbaser(u32, u64 value);
    u64 read_cbaser(u32) { return cbaser_.words[0]; }
    void write_cwriter(u32, u64 value);
    u64 read_cwriter(u32) { return write_offset_; }
    u64 read_creadr(u32) { return read_offset_ | (stalled_ ? 1 : 0); }
    void write_baser(u32 index, u64 value);
    u64 read_baser(u32 index) { return baser_[index].words[0]; }

private:
    static constexpr u32 device_table_register = 0;
    static constexpr u32 collection_table_register = 1;
    static constexpr u32 vpe_table_register = 2;

    u32 first_in_memory() const { return limits_.collections_add_up ? limits_.hardware_collections : 0; }

    Limits limits_;
    ItsListener& listener_;
    bool enabled_ = false;
    bool stalled_ = false;
    spec::Cbaser cbaser_;
    u64 read_offset_ = 0;
    u64 write_offset_ = 0;
    std::array<spec::Baser, 8> baser_{};
    std::vector<spec::CollectionEntry> held_collections_;
};

}  // namespace smmusim::gic::arch
