// Data that is unique per address and pass, so that a byte in the wrong place or from the wrong time shows.
#pragma once

#include <span>
#include <vector>

#include "sim/sequence.hpp"

namespace smmusim::scenarios {

using sim::mixed;
using sim::Sequence;

/// Every aligned doubleword of every pass is different: a bijection of (pass, address).
class Pattern {
public:
    explicit Pattern(u64 pass) : pass_(pass) {}

    u8 byte(u64 address) const { return static_cast<u8>(mixed(pass_ << 49 ^ address >> 3) >> (address % 8 * 8)); }
    std::vector<u8> bytes(u64 address, u64 size) const {
        std::vector<u8> result(size);
        for (u64 index = 0; index < size; ++index) result[index] = byte(address + index);
        return result;
    }
    /// How many of the bytes are not those of the pattern.
    u64 differences(u64 address, std::span<const u8> found) const {
        u64 count = 0;
        for (u64 index = 0; index < found.size(); ++index) count += found[index] != byte(address + index);
        return count;
    }

private:
    u64 pass_;
};

}  // namespace smmusim::scenarios
