#include "gic/arch/its.hpp"

#include <algorithm>

namespace smmusim::gic::arch {

using spec::Baser;
using spec::Cbaser;

Its::Its(const Limits& limits, ItsListener& listener) : limits_(limits), listener_(listener) { reset(); }

void Its::reset() {
    enabled_ = false;
    stalled_ = false;
    cbaser_ = {};
    read_offset_ = write_offset_ = 0;
    baser_ = {};
    baser_[device_table_register].words[0] = Baser::fixed(Baser::TableType::Device, spec::table_entry_bytes);
    baser_[collection_table_register].words[0] = Baser::fixed(Baser::TableType::Collection, spec::table_entry_bytes);
}

FlatTable Its::table(const Baser& baser, u64 limit) {
    FlatTable table;
    if (!baser[Baser::Valid]) return table;
    table.base = baser.base();
    table.entry_bytes = baser.entry_bytes();
    table.entries = std::min(limit, baser.bytes() / table.entry_bytes);
    return table;
}

bool Its::command_waits() const {
    // 12.18, GITS_CWRITER: an offset outside the queue makes the queue invalid until a legal one is written.
    return enabled_ && cbaser_[Cbaser::Valid] && !stalled_ && write_offset_ < cbaser_.bytes() &&
           read_offset_ != write_offset_;
}

void Its::advance() { read_offset_ = (read_offset_ + 32) % cbaser_.bytes(); }

void Its::write_ctlr(u32, u64 value) {
    const bool enable = (value & 1) != 0;
    // Enabling before the disable has completed is UNPREDICTABLE; the write is ignored.
    if (enable == enabled_ || (enable && !quiescent())) return;
    enabled_ = enable;
    listener_.enabled_changed(enable);
}

u64 Its::read_ctlr(u32) {
    spec::GitsCtlr ctlr;
    ctlr.set(spec::GitsCtlr::Enabled, enabled_);
    ctlr.set(spec::GitsCtlr::Quiescent, quiescent());
    return ctlr.words[0];
}

u64 Its::read_typer(u32) {
    spec::GitsTyper typer;
    typer.set(spec::GitsTyper::Physical, true);
    typer.set(spec::GitsTyper::ITT_entry_size, spec::table_entry_bytes - 1);
    typer.set(spec::GitsTyper::ID_bits, limits_.event_bits - 1);
    typer.set(spec::GitsTyper::Devbits, limits_.device_bits - 1);
    return typer.words[0];
}

void Its::write_cbaser(u32, u64 value) {
    // Writable only while disabled and quiescent; a write restarts the queue at offset 0 and leaves CWRITER alone.
    if (!quiescent()) return;
    cbaser_.words[0] = value;
    read_offset_ = 0;
    stalled_ = false;
}

void Its::write_cwriter(u32, u64 value) {
    spec::Cwriter cwriter;
    cwriter.words[0] = value;
    write_offset_ = cwriter[spec::Cwriter::Offset];
    if (cwriter[spec::Cwriter::Retry]) stalled_ = false;
    listener_.queue_written();
}

void Its::write_baser(u32 index, u64 value) {
    // Registers of type none are RES0; the others are writable only while disabled and quiescent.
    if (!quiescent() || baser_[index][Baser::Type] == Baser::TableType::None) return;
    baser_[index].words[0] = value;
    if (baser_[index][Baser::Page_Size] == 3) baser_[index].set(Baser::Page_Size, 2u);
}

}  // namespace smmusim::gic::arch
