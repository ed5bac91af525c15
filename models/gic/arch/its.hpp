// The registers of an ITS and the rules that hold between them: enable, command queue, tables (IHI 0069, 5.2
// and 12.18).
#pragma once

#include <array>

#include "gic/spec/its_registers.hpp"
#include "gic/spec/its_tables.hpp"

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

/// A flat table in memory: where an entry is, and how many there are.
struct FlatTable {
    u64 base = 0;
    u64 entry_bytes = spec::table_entry_bytes;
    u64 entries = 0;  ///< 0: no valid table
    u64 address(u64 id) const { return base + id * entry_bytes; }
    bool contains(u64 id) const { return id < entries; }
};

class Its {
public:
    struct Limits {
        u32 device_bits;
        u32 event_bits;
        u32 id_bits;         ///< of INTIDs
        u32 redistributors;  ///< Processor_Numbers 0 .. n-1 exist
    };

    Its(const Limits& limits, ItsListener& listener);

    void reset();

    bool enabled() const { return enabled_; }
    bool quiescent() const { return !enabled_ && !listener_.busy(); }
    const Limits& limits() const { return limits_; }
    const spec::Cbaser& cbaser() const { return cbaser_; }
    const spec::Baser& device_baser() const { return baser_[device_table_register]; }
    const spec::Baser& collection_baser() const { return baser_[collection_table_register]; }
    FlatTable device_table() const { return table(device_baser(), u64{1} << limits_.device_bits); }
    FlatTable collection_table() const { return table(collection_baser(), u64{1} << collection_bits); }
    bool implements_lpi(u32 intid) const { return spec::is_lpi(intid) && intid < (u64{1} << limits_.id_bits); }

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
    void write_cbaser(u32, u64 value);
    u64 read_cbaser(u32) { return cbaser_.words[0]; }
    void write_cwriter(u32, u64 value);
    u64 read_cwriter(u32) { return write_offset_; }
    u64 read_creadr(u32) { return read_offset_ | (stalled_ ? 1 : 0); }
    void write_baser(u32 index, u64 value);
    u64 read_baser(u32 index) { return baser_[index].words[0]; }

    static constexpr u32 collection_bits = 16;  ///< TYPER.CIL = 0

private:
    static constexpr u32 device_table_register = 0;
    static constexpr u32 collection_table_register = 1;

    static FlatTable table(const spec::Baser& baser, u64 limit);

    Limits limits_;
    ItsListener& listener_;
    bool enabled_ = false;
    bool stalled_ = false;
    spec::Cbaser cbaser_;
    u64 read_offset_ = 0;
    u64 write_offset_ = 0;
    std::array<spec::Baser, 8> baser_{};
};

}  // namespace smmusim::gic::arch
