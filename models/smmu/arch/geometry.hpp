// The shape of table trees: levels, indexes, what a descriptor can be at a level (DDI 0487, D8.2 and D8.3).
#pragma once

#include <algorithm>

#include "smmu/spec/descriptor.hpp"

namespace smmusim::smmu::arch {

using spec::Descriptor;

/// Granule, start level and size of the input address of one tree.
struct Geometry {
    unsigned granule_bits = 12;
    unsigned input_bits = 48;
    int start = 0;

    unsigned stride() const { return granule_bits - 3; }
    unsigned low_bit(int level) const { return granule_bits + static_cast<unsigned>(3 - level) * stride(); }
    /// Bits of the index at `level`; the start level has what is left, concatenated tables included.
    unsigned index_bits(int level) const { return level == start ? input_bits - low_bit(level) : stride(); }
    u64 index(int level, u64 address) const { return (address >> low_bit(level)) & sim::low_mask(index_bits(level)); }
    /// The start table is aligned to its size, and to 64 bytes where addresses have 52 bits.
    u64 start_base(u64 base, unsigned output_bits) const {
        return base & ~sim::low_mask(std::max(index_bits(start) + 3, output_bits > 48 ? 6u : 0u));
    }

    static Geometry stage1(spec::Granule granule, u64 txsz) {
        const unsigned g = offset_bits(granule);
        const unsigned input = 64 - static_cast<unsigned>(txsz);
        return {g, input, 3 - static_cast<int>((input - 1 - g) / (g - 3))};
    }
};

/// Levels of block descriptors (DDI 0487, D8.3.1): 2, with 4 KiB also 1; with 52-bit output addresses one more.
inline bool block_allowed(unsigned granule_bits, int level, Descriptor::Format format) {
    const int largest = granule_bits == 12 ? 1 : 2;
    return level >= (format == Descriptor::Format::Plain ? largest : largest - 1);
}

/// log2 of the range of a contiguous set (DDI 0487, D8.7.1), or of one entry if the bit cannot be set there.
inline unsigned contiguous_span(unsigned granule_bits, int level, unsigned entry_bits) {
    if (granule_bits == 12) return level >= 1 ? entry_bits + 4 : entry_bits;
    if (granule_bits == 14) return level == 3 ? entry_bits + 7 : level == 2 ? entry_bits + 5 : entry_bits;
    return level >= 2 ? entry_bits + 5 : entry_bits;
}

enum class Shape : u8 { Invalid, Table, Leaf };

/// What bits[1:0] say at this level.
inline Shape shape_of(const Descriptor& descriptor, unsigned granule_bits, int level, Descriptor::Format format) {
    if (!descriptor[Descriptor::Valid]) return Shape::Invalid;
    if (level == 3) return descriptor[Descriptor::TableOrPage] ? Shape::Leaf : Shape::Invalid;
    if (descriptor[Descriptor::TableOrPage]) return Shape::Table;
    return block_allowed(granule_bits, level, format) ? Shape::Leaf : Shape::Invalid;
}

/// log2 of the largest range that a TLB may keep as one entry of this leaf.
inline unsigned leaf_span(const Descriptor& descriptor, const Geometry& geometry, int level) {
    const unsigned entry = geometry.low_bit(level);
    if (!descriptor[Descriptor::Contiguous]) return entry;
    const unsigned set = contiguous_span(geometry.granule_bits, level, entry);
    return set <= geometry.input_bits ? set : entry;
}

inline Descriptor::Format format_of(spec::Granule granule, bool wide, unsigned output_bits) {
    if (granule == spec::Granule::K64)
        return output_bits > 48 ? Descriptor::Format::Wide64K : Descriptor::Format::Plain;
    return wide ? Descriptor::Format::Wide : Descriptor::Format::Plain;
}

/// Tables may be big-endian (CD.ENDI, STE.S2ENDI).
inline u64 in_order(u64 descriptor, bool big_endian) { return big_endian ? __builtin_bswap64(descriptor) : descriptor; }

}  // namespace smmusim::smmu::arch
