// The walks of both stages and what their leaves permit (Arm DDI 0487, D8; IHI 0070, 3.3 to 3.6 and 3.13).
#include <algorithm>

#include "oracle/walker.hpp"

namespace smmusim::oracle {

namespace event = support::event;
namespace cd_field = support::cd;
namespace ste_field = support::ste;

namespace {

constexpr unsigned access_flag = 10;
constexpr unsigned dirty_bit_modifier = 51;
constexpr unsigned contiguous = 52;

bool bit(u64 value, unsigned position) { return value >> position & 1; }
u64 slice(u64 value, unsigned high, unsigned low) { return value >> low & ((u64{2} << (high - low)) - 1); }

unsigned lowest_bit(unsigned offset_bits, int level) {
    return offset_bits + static_cast<unsigned>(3 - level) * (offset_bits - 3);
}

u64 swapped(u64 value) {
    u64 result = 0;
    for (unsigned byte = 0; byte < 8; ++byte) result = result << 8 | (value >> 8 * byte & 0xff);
    return result;
}

/// How many equal leaves of this level a Contiguous bit speaks of (DDI 0487, table D8-86 and following).
u64 contiguous_leaves(unsigned offset_bits, int level) {
    switch (offset_bits) {
        case 12: return level >= 1 ? 16 : 1;
        case 14: return level == 3 ? 128 : level == 2 ? 32 : 1;
        default: return level >= 2 ? 32 : 1;
    }
}

}  // namespace

Stage Walker::stage1_stage(bool upper) const {
    Stage stage;
    stage.offset_bits = offset_bits_of(cd(upper ? cd_field::TG1 : cd_field::TG0), upper);
    stage.input_bits = static_cast<unsigned>(64 - cd(upper ? cd_field::T1SZ : cd_field::T0SZ));
    stage.output_bits = std::min(support::decode_address_size(cd(cd_field::IPS)), oas());
    stage.start_level = 3;
    while (stage.input_bits > lowest_bit(stage.offset_bits, stage.start_level - 1)) --stage.start_level;
    stage.table = cd(upper ? cd_field::TTB1 : cd_field::TTB0);
    stage.long_output = identity_.DS != 0 && cd(cd_field::DS) != 0 && stage.offset_bits < 16;
    // Without DS, descriptors of the small granules hold 48 bits, whatever IPS says.
    if (stage.offset_bits < 16 && !stage.long_output) stage.output_bits = std::min(stage.output_bits, 48u);
    stage.hierarchical = identity_.HAD == 0 || cd(upper ? cd_field::HAD1 : cd_field::HAD0) == 0;
    stage.big_endian = cd(cd_field::ENDI);
    stage.set_access_flag = cd(cd_field::HA);
    stage.set_dirty = cd(cd_field::HA) && cd(cd_field::HD);  // HD alone is nothing
    stage.ignore_access_flag = cd(cd_field::AFFD);
    return stage;
}

Stage Walker::stage2_stage() const {
    Stage stage;
    stage.offset_bits = offset_bits_of(ste(ste_field::S2TG), false);
    stage.input_bits = static_cast<unsigned>(64 - ste(ste_field::S2T0SZ));
    stage.output_bits = std::min(support::decode_address_size(ste(ste_field::S2PS)), oas());
    stage.long_output = identity_.DS != 0 && ste(ste_field::S2DS) != 0 && stage.offset_bits < 16;
    if (stage.offset_bits < 16 && !stage.long_output) stage.output_bits = std::min(stage.output_bits, 48u);
    const int encoded = static_cast<int>(ste(ste_field::S2SL0));
    if (stage.offset_bits != 12) stage.start_level = 3 - encoded;
    else if (stage.long_output && ste(ste_field::S2SL0_2)) stage.start_level = -1;
    else stage.start_level = encoded == 3 ? 3 : 2 - encoded;
    stage.table = ste(ste_field::S2TTB);
    stage.big_endian = ste(ste_field::S2ENDI);
    stage.set_access_flag = ste(ste_field::S2HA);
    stage.set_dirty = ste(ste_field::S2HA) && ste(ste_field::S2HD);
    stage.ignore_access_flag = ste(ste_field::S2AFFD);
    return stage;
}

Leaf Walker::walk(const Stage& stage, u64 input, const Fetch& fetch,
                  const std::function<void(u64 number)>& fault) const {
    const unsigned stride = stage.offset_bits - 3;
    Leaf leaf;
    u64 table = stage.table;
    for (int level = stage.start_level;; ++level) {
        const unsigned low = lowest_bit(stage.offset_bits, level);
        unsigned high = low + stride - 1;
        if (level == stage.start_level) {
            high = stage.input_bits - 1;  // fewer bits than a table has, or the bits of concatenated tables
            u64 bytes = u64{8} << (high - low + 1);
            if (stage.output_bits == 52) bytes = std::max<u64>(bytes, 64);
            table &= ~(bytes - 1);
        }
        const u64 value = fetch(level, table + slice(input, high, low) * 8, leaf.address);

        const bool is_block = slice(value, 1, 0) == 0b01;
        const bool is_table_or_page = slice(value, 1, 0) == 0b11;
        // The largest blocks of each granule need 52-bit addresses.
        bool block_exists = level == 2;
        if (stage.offset_bits == 12) block_exists = level == 2 || level == 1 || (level == 0 && stage.long_output);
        if (stage.offset_bits == 14) block_exists = level == 2 || (level == 1 && stage.long_output);
        if (stage.offset_bits == 16) block_exists = level == 2 || (level == 1 && oas() == 52);
        if (!(is_table_or_page || (is_block && block_exists))) fault(event::F_TRANSLATION);

        const bool is_leaf = level == 3 || is_block;
        u64 address = slice(value, 47, is_leaf ? low : stage.offset_bits) << (is_leaf ? low : stage.offset_bits);
        if (stage.long_output) address |= slice(value, 49, 48) << 48 | slice(value, 9, 8) << 50;
        if (stage.offset_bits == 16 && oas() == 52) address |= slice(value, 15, 12) << 48;
        if (beyond(address, stage.output_bits)) fault(event::F_ADDR_SIZE);

        if (!is_leaf) {
            if (stage.hierarchical) leaf.tables |= slice(value, 63, 59) << 59;
            table = address;
            continue;
        }
        leaf.level = level;
        leaf.value = value;
        leaf.output = address | (input & ((u64{1} << low) - 1));
        leaf.span = u64{1} << low;
        if (bit(value, contiguous)) leaf.span *= contiguous_leaves(stage.offset_bits, level);
        if (leaf.span > u64{1} << stage.input_bits) leaf.span = u64{1} << low;
        return leaf;
    }
}

u64 Walker::read_descriptor(const Stage& stage, ReadKind kind, int level, u64 address, Event abort_event) {
    outcome_.reads.push_back({kind, level, address, 8});
    const auto word = memory_.read(address);
    // F_WALK_EABT always aborts and is always recorded.
    if (!word) throw Fault{abort_event.set(event::FetchAddr, address), true, Verdict::Abort};
    return stage.big_endian ? swapped(*word) : *word;
}

void Walker::update_descriptor(const Stage& stage, Leaf& leaf, u64 value, Event abort_event) {
    if (value == leaf.value) return;
    outcome_.updates.push_back({leaf.address, leaf.value, value});
    if (!memory_.write(leaf.address, stage.big_endian ? swapped(value) : value))
        throw Fault{abort_event.set(event::FetchAddr, leaf.address), true, Verdict::Abort};
    leaf.value = value;
}

Leaf Walker::stage2(u64 ipa, Class why, const Needs& needs) {
    const Stage stage = stage2_stage();
    const Event abort_event = access_event(event::F_WALK_EABT, true, why);
    if (beyond(ipa, stage.input_bits)) fail_stage2(event::F_TRANSLATION, why, ipa);
    Leaf leaf = walk(
        stage, ipa,
        [&](int level, u64 address, u64& physical) {
            physical = address;
            return read_descriptor(stage, ReadKind::S2, level, address, abort_event);
        },
        [&](u64 number) { fail_stage2(number, why, ipa); });

    const bool accessed = bit(leaf.value, access_flag);
    if (!accessed && !stage.set_access_flag && !stage.ignore_access_flag) fail_stage2(event::F_ACCESS, why, ipa);

    // S2AP[0] reads, S2AP[1] writes; a clean page becomes writable when hardware may mark it dirty.
    const bool writable = bit(leaf.value, 7);
    const bool becomes_dirty = needs.write && !writable && stage.set_dirty && bit(leaf.value, dirty_bit_modifier);
    bool executable = !bit(leaf.value, 54);
    if (identity_.XNX != 0 && bit(leaf.value, 53)) executable = bit(leaf.value, 54) == needs.privileged;
    bool permitted = (!needs.read || bit(leaf.value, 6)) && (!needs.write || writable || becomes_dirty) &&
                     (!needs.execute || executable);
    // S2PTW: descriptors must not lie in Device memory.
    const bool forced_write_back = identity_.FWB != 0 && ste(ste_field::S2FWB);
    const bool device = forced_write_back ? !bit(leaf.value, 4) : slice(leaf.value, 5, 4) == 0;
    if (why != event::IN && device && ste(ste_field::S2PTW)) permitted = false;
    if (!permitted) {
        // An atomic that may write but not read is recorded as a read.
        const bool read_alone_is_missing = needs.read && needs.write && (writable || becomes_dirty);
        fail_stage2(event::F_PERMISSION, why, ipa, true, read_alone_is_missing);
    }

    u64 updated = leaf.value;
    if (stage.set_access_flag) updated |= u64{1} << access_flag;
    if (becomes_dirty) updated |= u64{1} << 7;
    update_descriptor(stage, leaf, updated, abort_event);
    return leaf;
}

bool Walker::stage1_permits(const Stage& stage, const Leaf& leaf, bool& becomes_dirty) const {
    const bool two_levels = !one_privilege();
    const bool privileged = privileged_ || !two_levels;
    const bool read_only_above = bit(leaf.tables, 62);        // APTable[1]
    const bool privileged_only_above = bit(leaf.tables, 61);  // APTable[0]
    const bool clean = bit(leaf.value, 7) && !read_only_above && stage.set_dirty && bit(leaf.value, dirty_bit_modifier);

    const bool any_write = (!bit(leaf.value, 7) || clean) && !read_only_above;
    const bool user_read = two_levels && bit(leaf.value, 6) && !privileged_only_above;
    const bool user_write = user_read && any_write;
    const bool write_excludes_execute = cd(cd_field::WXN);

    const bool user_never = bit(leaf.value, 54) || bit(leaf.tables, 60);        // UXN, UXNTable
    const bool privileged_never = bit(leaf.value, 53) || bit(leaf.tables, 59);  // PXN, PXNTable
    const bool user_execute = !user_never && !(write_excludes_execute && user_write);
    bool privileged_execute = !(two_levels ? privileged_never : user_never);
    if (user_write) privileged_execute = false;
    if (write_excludes_execute && any_write) privileged_execute = false;

    if (instruction_) return privileged ? privileged_execute : user_execute;

    // PAN keeps privileged data accesses out of what unprivileged software can reach.
    if (privileged && two_levels && cd(cd_field::PAN)) {
        const bool enhanced = identity_.EPAN != 0 && cd(cd_field::EPAN);
        if (user_read || (enhanced && user_execute)) return false;
    }
    becomes_dirty = writes() && clean;
    if (reads() && !privileged && !user_read) return false;
    return !writes() || (privileged ? any_write : user_write);
}

void Walker::stage1() {
    const u64 input = transaction_.address;
    const bool upper = !one_privilege() && bit(input, 55);
    const Stage stage = stage1_stage(upper);

    // All bits above the input range are copies of bit 55, or zeros where there is one range only.
    const unsigned top = cd(upper ? cd_field::TBI1 : cd_field::TBI0) ? 55 : 63;
    for (unsigned position = stage.input_bits; position <= top; ++position)
        if (bit(input, position) != upper) fail_stage1(event::F_TRANSLATION);
    if (!one_privilege()) {
        if (cd(upper ? cd_field::EPD1 : cd_field::EPD0)) fail_stage1(event::F_TRANSLATION);
        const bool hidden = identity_.E0PD != 0 && cd(upper ? cd_field::E0PD1 : cd_field::E0PD0);
        if (hidden && !privileged_) fail_stage1(event::F_TRANSLATION);
    }

    const Event abort_event = access_event(event::F_WALK_EABT, false, event::TTD);
    u64 descriptor_ipa = 0;
    Leaf table_leaf;  // stage 2 of the table that holds the descriptor read last
    Leaf leaf = walk(
        stage, input,
        [&](int level, u64 address, u64& physical) {
            physical = address;
            if (stage2_enabled()) {
                descriptor_ipa = address;
                table_leaf = stage2(address, event::TTD, Needs{true, false, false, true});
                physical = table_leaf.output;
            }
            return read_descriptor(stage, ReadKind::S1, level, physical, abort_event);
        },
        [&](u64 number) { fail_stage1(number); });

    const bool accessed = bit(leaf.value, access_flag);
    if (!accessed && !stage.set_access_flag && !stage.ignore_access_flag) fail_stage1(event::F_ACCESS);
    bool becomes_dirty = false;
    if (!stage1_permits(stage, leaf, becomes_dirty)) fail_stage1(event::F_PERMISSION);

    u64 updated = leaf.value;
    if (stage.set_access_flag) updated |= u64{1} << access_flag;
    if (becomes_dirty) updated &= ~(u64{1} << 7);
    if (updated != leaf.value && stage2_enabled()) {
        // The update is a write through stage 2, which may have to become dirty first.
        const Stage second = stage2_stage();
        const bool allowed = second.set_dirty && bit(table_leaf.value, dirty_bit_modifier);
        if (!bit(table_leaf.value, 7) && !allowed) fail_stage2(event::F_PERMISSION, event::TTD, descriptor_ipa, false);
        update_descriptor(second, table_leaf, table_leaf.value | u64{1} << 7,
                          access_event(event::F_WALK_EABT, true, event::TTD));
    }
    update_descriptor(stage, leaf, updated, abort_event);

    outcome_.stage1_level = leaf.level;
    outcome_.span = leaf.span;
    outcome_.pa = leaf.output;
    if (!stage2_enabled()) return;
    outcome_.ipa = leaf.output;
    const Needs needs{reads() && !instruction_, writes(), instruction_, privileged_};
    const Leaf final_leaf = stage2(leaf.output, event::IN, needs);
    outcome_.stage2_level = final_leaf.level;
    outcome_.span = std::min(leaf.span, final_leaf.span);
    outcome_.pa = final_leaf.output;
}

}  // namespace smmusim::oracle
