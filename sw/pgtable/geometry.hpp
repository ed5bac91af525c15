// Shape of a VMSAv8-64 translation table: granule, address sizes, levels (DDI 0487, D8.2).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::sw::pgtable {

enum class Stage : u8 { One, Two };

struct Geometry {
    Stage stage = Stage::One;
    unsigned granule_bits = 12;  ///< 12, 14 or 16
    unsigned input_bits = 48;
    unsigned output_bits = 48;
    bool blocks = false;      ///< larger leaves than the granule where alignment permits
    bool concatenate = true;  ///< stage 2: up to 16 start tables instead of one more level (D8.2.2)

    u64 granule() const { return u64{1} << granule_bits; }
    unsigned index_bits() const { return granule_bits - 3; }
    /// Lowest input address bit that indexes a table of this level.
    unsigned low_bit(unsigned level) const { return granule_bits + (3 - level) * index_bits(); }
    u64 leaf_size(unsigned level) const { return u64{1} << low_bit(level); }
    u64 table_entries() const { return u64{1} << index_bits(); }

    /// Block descriptors exist at level 2 of every granule, and at level 1 of 4 KiB (D8.3.1).
    bool block_level(unsigned level) const { return level == 2 || (level == 1 && granule_bits == 12); }

    unsigned start_level() const {
        const unsigned natural = 3 - (input_bits - 1 - granule_bits) / index_bits();
        const bool fold = stage == Stage::Two && concatenate && natural < 3 && root_entries_at(natural) <= 16;
        return fold ? natural + 1 : natural;
    }
    /// Entries of the start table, concatenated tables included.
    u64 root_entries() const { return root_entries_at(start_level()); }
    u64 root_bytes() const { return root_entries() * 8; }

private:
    u64 root_entries_at(unsigned level) const { return u64{1} << (input_bits - low_bit(level)); }
};

}  // namespace smmusim::sw::pgtable
