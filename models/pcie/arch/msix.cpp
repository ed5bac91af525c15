#include "pcie/arch/msix.hpp"

#include <bit>

#include "pcie/arch/function_config.hpp"

namespace smmusim::pcie::arch {

namespace msix = spec::msix;

Msix::Msix(ConfigSpace& space, u32 vectors, u32 bar)
    : space_(space),
      pending_offset_(pending_array_offset(vectors)),
      table_(vectors),
      pending_(pending_array_bytes(vectors) / 8) {
    if (vectors == 0) return;
    base_ = space_.add_capability(spec::Capability::Msix, msix::bytes);
    space_.define(base_ + msix::control, 2, vectors - 1, msix::control_function_mask | msix::control_enable);
    space_.define(base_ + msix::table, 4, bar);
    space_.define(base_ + msix::pending_array, 4, static_cast<u32>(pending_offset_) | bar);
}

void Msix::reset() {
    table_.assign(table_.size(), Entry{});  // all entries come up masked
    pending_.assign(pending_.size(), 0);
    pending_count_ = 0;
}

bool Msix::enabled() const { return base_ != 0 && (space_.get(base_ + msix::control, 2) & msix::control_enable) != 0; }

bool Msix::function_masked() const { return (space_.get(base_ + msix::control, 2) & msix::control_function_mask) != 0; }

Message Msix::compose(u32 vector) const {
    const Entry& entry = table_[vector];
    return {vector, u64{entry.words[1]} << 32 | entry.words[0], entry.words[2]};
}

Raised Msix::raise(u32 vector, Message& message) {
    if (!enabled() || vector >= vectors()) return Raised::Disabled;
    if (function_masked() || table_[vector].masked()) {
        u64& word = pending_[vector / 64];
        const u64 bit = u64{1} << (vector % 64);
        // The same cause twice while pending is one message.
        if ((word & bit) == 0) ++pending_count_;
        word |= bit;
        return Raised::Pending;
    }
    message = compose(vector);
    return Raised::Message;
}

std::optional<Message> Msix::take_deliverable() {
    if (pending_count_ == 0 || !enabled() || function_masked()) return std::nullopt;
    for (std::size_t number = 0; number < pending_.size(); ++number)
        for (u64 left = pending_[number]; left != 0; left &= left - 1) {
            const u32 vector = static_cast<u32>(number * 64) + static_cast<u32>(std::countr_zero(left));
            if (table_[vector].masked()) continue;
            pending_[number] &= ~(u64{1} << (vector % 64));
            --pending_count_;
            return compose(vector);
        }
    return std::nullopt;
}

bool Msix::contains(u64 offset) const {
    return offset < table_.size() * msix::entry_bytes ||
           (offset >= pending_offset_ && offset < pending_offset_ + pending_.size() * 8);
}

sim::Status Msix::access(u64 offset, sim::Access& access) {
    const bool legal = (access.size == 4 || access.size == 8) && offset % access.size == 0 && contains(offset) &&
                       access.command != sim::Command::Atomic;
    if (!legal) {
        if (!access.is_write()) std::memset(access.data(), 0, access.size);
        return sim::Status::Discarded;
    }
    for (u32 done = 0; done < access.size; done += 4) {
        u32 word = 0;
        if (access.is_write()) {
            std::memcpy(&word, access.data() + done, 4);
            write_word(offset + done, word);
        } else {
            word = read_word(offset + done);
            std::memcpy(access.data() + done, &word, 4);
        }
    }
    return sim::Status::Ok;
}

u32 Msix::read_word(u64 offset) const {
    if (offset < table_.size() * msix::entry_bytes)
        return table_[offset / msix::entry_bytes].words[offset % msix::entry_bytes / 4];
    const u64 within = offset - pending_offset_;
    return static_cast<u32>(pending_[within / 8] >> (within % 8 * 8));
}

void Msix::write_word(u64 offset, u32 value) {
    if (offset >= table_.size() * msix::entry_bytes) return;  // pending bits are the function's
    // A message is a double word: the low two bits of its address are zero. Of vector control only the mask exists.
    constexpr u32 writable[4] = {~0b11u, ~0u, ~0u, msix::entry_masked};
    const u32 word = static_cast<u32>(offset % msix::entry_bytes / 4);
    table_[offset / msix::entry_bytes].words[word] = value & writable[word];
}

}  // namespace smmusim::pcie::arch
