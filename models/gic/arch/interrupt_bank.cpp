#include "gic/arch/interrupt_bank.hpp"

namespace smmusim::gic::arch {

InterruptBank::InterruptBank(u32 first, u32 count, u8 priority_bits)
    : first_(first), priority_mask_(static_cast<u8>(0xFF << (8 - priority_bits))) {
    for (auto* words : {&group_, &enabled_, &latch_, &line_, &message_, &active_, &edge_}) words->resize(count / 32);
    priority_.resize(count);
    reset();
}

void InterruptBank::reset() {
    // A wired line is not the controller's: what a device drives stays.
    for (auto* words : {&group_, &enabled_, &latch_, &message_, &active_, &edge_}) words->assign(words->size(), 0);
    priority_.assign(priority_.size(), 0);
    // SGIs are always edge-triggered (12.11, GICR_ICFGR0).
    if (first_ == 0) edge_[0] = 0xFFFF;
}

u32 InterruptBank::priorities(u32 index) const {
    u32 value = 0;
    for (u32 byte = 0; byte < 4; ++byte) value |= u32{priority_[index * 4 + byte]} << (8 * byte);
    return value;
}

void InterruptBank::set_priorities(u32 index, u32 value) {
    for (u32 byte = 0; byte < 4; ++byte)
        priority_[index * 4 + byte] = static_cast<u8>(value >> (8 * byte)) & priority_mask_;
}

u32 InterruptBank::triggers(u32 half) const {
    u32 value = 0;
    for (u32 index = 0; index < 16; ++index)
        if ((edge_[half / 2] >> (16 * (half % 2) + index) & 1) != 0) value |= u32{2} << (2 * index);
    return value;
}

void InterruptBank::set_triggers(u32 half, u32 value) {
    if (first_ == 0 && half == 0) return;
    for (u32 index = 0; index < 16; ++index) {
        const u32 bit = u32{1} << (16 * (half % 2) + index);
        if ((value >> (2 * index + 1) & 1) != 0) edge_[half / 2] |= bit;
        else edge_[half / 2] &= ~bit;
    }
}

void InterruptBank::drive(u32 intid, bool asserted) {
    u32& line = line_[word_of(intid)];
    const u32 bit = bit_of(intid);
    if (asserted && (line & bit) == 0 && is_edge(intid)) latch_[word_of(intid)] |= bit;
    line = asserted ? line | bit : line & ~bit;
}

void InterruptBank::assert_message(u32 intid) {
    if (is_edge(intid)) latch_[word_of(intid)] |= bit_of(intid);
    else message_[word_of(intid)] |= bit_of(intid);
}

void InterruptBank::withdraw_message(u32 intid) {
    if (is_edge(intid)) latch_[word_of(intid)] &= ~bit_of(intid);
    message_[word_of(intid)] &= ~bit_of(intid);
}

void InterruptBank::acknowledge(u32 intid) {
    active_[word_of(intid)] |= bit_of(intid);
    latch_[word_of(intid)] &= ~bit_of(intid);
}

Candidate InterruptBank::find(u32 intid, Groups groups) const {
    if ((ready_in(word_of(intid), groups) & bit_of(intid)) == 0) return {};
    return describe(intid);
}

}  // namespace smmusim::gic::arch
