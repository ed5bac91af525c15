#include "pcie/arch/config_space.hpp"

#include <cassert>

#include "sim/bits.hpp"

namespace smmusim::pcie::arch {

namespace {
u8 byte_of(u32 value, u32 index) { return static_cast<u8>(value >> (8 * index)); }
}  // namespace

void ConfigSpace::define(u32 offset, u32 bytes, u32 reset_value, u32 writable, u32 write_one_to_clear) {
    assert(bytes <= 4 && offset + bytes <= spec::config_bytes);
    for (u32 i = 0; i < bytes; ++i) {
        value_[offset + i] = reset_[offset + i] = byte_of(reset_value, i);
        writable_[offset + i] = byte_of(writable, i);
        write_one_to_clear_[offset + i] = byte_of(write_one_to_clear, i);
    }
}

u32 ConfigSpace::add_capability(spec::Capability identifier, u32 bytes) {
    const u32 offset = next_free_;
    next_free_ = static_cast<u32>(sim::align_up(offset + bytes, 4));
    assert(next_free_ <= spec::extended_config);
    define(last_link_, 1, offset);
    define(offset, 1, static_cast<u32>(identifier));
    last_link_ = offset + 1;
    return offset;
}

void ConfigSpace::write(u32 offset, u32 bytes, u32 value) {
    if (!legal(offset, bytes)) return;
    for (u32 i = 0; i < bytes; ++i) {
        u8& stored = value_[offset + i];
        const u8 writable = writable_[offset + i];
        const u8 written = byte_of(value, i);
        stored = static_cast<u8>((stored & ~writable) | (written & writable));
        stored = static_cast<u8>(stored & ~(written & write_one_to_clear_[offset + i]));
    }
}

u32 ConfigSpace::get(u32 offset, u32 bytes) const {
    u32 value = 0;
    for (u32 i = 0; i < bytes; ++i) value |= u32{value_[offset + i]} << (8 * i);
    return value;
}

void ConfigSpace::set(u32 offset, u32 bytes, u32 value) {
    for (u32 i = 0; i < bytes; ++i) value_[offset + i] = byte_of(value, i);
}

}  // namespace smmusim::pcie::arch
