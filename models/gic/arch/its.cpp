#include "gic/arch/its.hpp"

#include <algorithm>

namespace smmusim::gic::arch {

using spec::Baser;
using spec::Cbaser;
using spec::GitsTyper;

Its::Its(const Limits& limits, ItsListener& listener) : limits_(limits), listener_(listener) { reset(); }

void Its::reset() {
    enabled_ = false;
    stalled_ = false;
    cbaser_ = {};
    read_offset_ = write_offset_ = 0;
    baser_ = {};
    baser_[device_table_register].words[0] = Baser::fixed(Baser::TableType::Device, spec::device_entry_bytes);
    if (limits_.collection_table)
        baser_[collection_table_register].words[0] =
            Baser::fixed(Baser::TableType::Collection, spec::collection_entry_bytes);
    if (has_virtual())
        baser_[vpe_table_register].words[0] = Baser::fixed(Baser::TableType::Vpe, spec::VpeEntry::entry_bytes);
    // 12.18, GITS_TYPER.HCC: collections held in the ITS are unmapped at reset.
    held_collections_.assign(limits_.hardware_collections, {});
}

Table Its::collection_table() const {
    const u64 ids = u64{1} << limits_.collection_bits;
    return {collection_baser(), ids - std::min<u64>(ids, first_in_memory())};
}

bool Its::has_collection(u32 icid) const {
    if (holds_collection(icid)) return true;
    return icid >= first_in_memory() && collection_table().contains(collection_index(icid));
}

std::optional<u32> Its::redistributor(u64 rdbase) const {
    u64 number = rdbase;
    if (limits_.target_addresses) {
        // 5.3: bits [51:16] of the address of a redistributor's first frame.
        const u64 address = rdbase << 16;
        if (address < limits_.redistributor_base) return std::nullopt;
        const u64 offset = address - limits_.redistributor_base;
        if (offset % limits_.redistributor_size != 0) return std::nullopt;
        number = offset / limits_.redistributor_size;
    }
    if (number >= limits_.redistributors) return std::nullopt;
    return static_cast<u32>(number);
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
    if (has_virtual()) ctlr.set(spec::GitsCtlr::ITS_Number, limits_.number);
    ctlr.set(spec::GitsCtlr::Quiescent, quiescent());
    return ctlr.words[0];
}

u64 Its::read_typer(u32) {
    spec::GitsTyper typer;
    typer.set(GitsTyper::Physical, true);
    // RES0 unless there are both kinds of collections.
    typer.set(GitsTyper::CCT,
              limits_.collections_add_up && limits_.hardware_collections != 0 && limits_.collection_table);
    typer.set(GitsTyper::ITT_entry_size, event_entry_bytes() - 1);
    typer.set(GitsTyper::ID_bits, limits_.event_bits - 1);
    typer.set(GitsTyper::Devbits, limits_.device_bits - 1);
    typer.set(GitsTyper::SEIS, limits_.system_errors);
    typer.set(GitsTyper::PTA, limits_.target_addresses);
    typer.set(GitsTyper::HCC, limits_.hardware_collections);
    if (limits_.collection_bits != 16) {
        typer.set(GitsTyper::CIL, true);
        typer.set(GitsTyper::CIDbits, limits_.collection_bits - 1);
    }
    const bool vpe_table_is_shared = limits_.version == spec::Version::V4_1;
    typer.set(GitsTyper::Virtual, has_virtual());
    typer.set(GitsTyper::VSGI, vpe_table_is_shared);
    typer.set(GitsTyper::VMAPP, vpe_table_is_shared);
    // With all redistributors whose Aff3 is the same.
    typer.set(GitsTyper::SVPET, vpe_table_is_shared ? 1u : 0u);
    typer.set(GitsTyper::nID, vpe_table_is_shared);
    typer.set(GitsTyper::INV, true);
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
    Baser& baser = baser_[index];
    if (!quiescent() || baser[Baser::Type] == Baser::TableType::None) return;
    baser.words[0] = value;
    if (baser[Baser::Page_Size] == 3) baser.set(Baser::Page_Size, 2u);
    // Indirect is RAZ/WI where there are flat tables only.
    const bool two_levels =
        index == collection_table_register ? limits_.indirect_collections : limits_.indirect_devices;
    if (!two_levels) baser.set(Baser::Indirect, false);
}

}  // namespace smmusim::gic::arch
