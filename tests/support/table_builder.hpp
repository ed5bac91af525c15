// Builds VMSAv8-64 translation tables of one stage, word by word.
#pragma once

#include <functional>
#include <map>

#include "sim/types.hpp"

namespace smmusim::support {

/// Words of memory by address; absent words are zero.
using Words = std::map<u64, u64>;

/// Tables are taken from `next` upwards. Descriptors name them by their address; they are stored at that address
/// plus `storage_offset` (stage 1 tables of a nested stream have intermediate addresses).
class TableBuilder {
public:
    TableBuilder(Words& words, unsigned offset_bits, int start_level, u64 base, u64 next, u64 storage_offset = 0)
        : words_(words),
          offset_bits_(offset_bits),
          start_level_(start_level),
          base_(base),
          next_(next),
          storage_offset_(storage_offset) {}

    /// Puts `descriptor` where `input` is looked up at `level`; tables on the way are added as needed.
    /// `input` must be without the bits above the input range.
    void put(u64 input, int level, u64 descriptor) {
        u64 table = base_;
        for (int at = start_level_;; ++at) {
            const unsigned low = offset_bits_ + static_cast<unsigned>(3 - at) * (offset_bits_ - 3);
            // The start table may be larger than one granule: no limit there.
            const u64 mask = at == start_level_ ? ~u64{0} : (u64{1} << (offset_bits_ - 3)) - 1;
            u64& word = words_[table + (input >> low & mask) * 8 + storage_offset_];
            if (at == level) {
                word = descriptor;
                return;
            }
            if ((word & 0b11) != 0b11) {
                word = next_ | 0b11;
                next_ += u64{1} << offset_bits_;
            }
            table = word & 0x0000'ffff'ffff'ffff & ~((u64{1} << offset_bits_) - 1);
        }
    }

    u64 base() const { return base_; }
    /// Address of the next table.
    u64 next() const { return next_; }

private:
    Words& words_;
    unsigned offset_bits_;
    int start_level_;
    u64 base_;
    u64 next_;
    u64 storage_offset_;
};

}  // namespace smmusim::support
