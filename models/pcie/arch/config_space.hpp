// The bytes of a function's configuration space with what software may change in each, and its capability list.
#pragma once

#include <array>

#include "pcie/spec/config_space.hpp"

namespace smmusim::pcie::arch {

/// A layout depends on the function's configuration and is byte-addressable, so it is laid out at construction by
/// define() instead of by a constant table. Everything not defined is reserved: reads zero, ignores writes.
class ConfigSpace {
public:
    /// Lays out a register of 1, 2, 3 or 4 bytes.
    void define(u32 offset, u32 bytes, u32 reset_value, u32 writable = 0, u32 write_one_to_clear = 0);

    /// Appends a capability to the list; returns its offset.
    u32 add_capability(spec::Capability identifier, u32 bytes);

    /// Every register to its reset value.
    void reset() { value_ = reset_; }

    /// True for the accesses that configuration requests can make: 1, 2 or 4 bytes, naturally aligned.
    static bool legal(u64 offset, u32 bytes) {
        return (bytes == 1 || bytes == 2 || bytes == 4) && offset % bytes == 0 && offset + bytes <= spec::config_bytes;
    }
    /// As software does it; an illegal access reads zero and changes nothing.
    u32 read(u32 offset, u32 bytes) const { return legal(offset, bytes) ? get(offset, bytes) : 0; }
    void write(u32 offset, u32 bytes, u32 value);

    /// As the function's own logic does it: any bit.
    u32 get(u32 offset, u32 bytes) const;
    void set(u32 offset, u32 bytes, u32 value);

private:
    using Bytes = std::array<u8, spec::config_bytes>;
    Bytes value_{};
    Bytes reset_{};
    Bytes writable_{};
    Bytes write_one_to_clear_{};
    u32 last_link_ = spec::header::capabilities;  ///< where the offset of the next capability goes
    u32 next_free_ = spec::header::first_capability;
};

}  // namespace smmusim::pcie::arch
