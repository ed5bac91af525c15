// Stage 1 alone, translations that succeed.
#include "vectors/case.hpp"

namespace smmusim::vectors {

std::vector<Case> stage1_cases() {
    return {
        // Four levels to a page.
        Case("A01", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543f43}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // A 2 MiB block at level 2.
        Case("A02", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003}, {0x80001688, 0x80002003}, {0x80002598, 0x876400f41}})
            .gives(0x876589abc, 2 * MiB)
            .reads(3),
        // Three levels.
        Case("A04", stage1 | granule_4k)
            .first(12, 25, 40)
            .read(0x56789abcde)
            .first_words({{0x80000ac8, 0x80001003}, {0x80001e20, 0x80002003}, {0x80002d58, 0x1234567f43}})
            .gives(0x1234567cde, 4 * KiB)
            .reads(3),
        // A 1 GiB block in the start table.
        Case("A05", stage1 | granule_4k)
            .first(12, 25, 40)
            .read(0x56789abcde)
            .first_words({{0x80000ac8, 0x1240000f41}})
            .gives(0x12789abcde, 1 * GiB)
            .reads(1),
        // A start table of four entries.
        Case("A07", stage1 | granule_4k)
            .first(12, 32, 36)
            .read(0x89abcdef)
            .first_words({{0x80000010, 0x80001003}, {0x80001268, 0x80002003}, {0x800025e0, 0x321098f43}})
            .gives(0x321098def, 4 * KiB)
            .reads(3),
        // A start table of two entries.
        Case("A08", stage1 | granule_4k)
            .first(12, 33, 36)
            .read(0x7ffff123)
            .first_words({{0x80000008, 0x80001003}, {0x80001ff8, 0x80002003}, {0x80002ff8, 0x321098f43}})
            .gives(0x321098123, 4 * KiB)
            .reads(3),
        // The largest T0SZ without STT.
        Case("A10", stage1 | granule_4k)
            .first(12, 39, 36)
            .read(0x1fff123)
            .first_words({{0x80000078, 0x80001003}, {0x80001ff8, 0x321098f43}})
            .gives(0x321098123, 4 * KiB)
            .reads(2),
        // T0SZ above 39.
        Case("A11", stage1 | granule_4k | small_tables)
            .first(12, 42, 36)
            .small()
            .read(0x300456)
            .first_words({{0x80000008, 0x80001003}, {0x80001800, 0x321098f43}})
            .gives(0x321098456, 4 * KiB)
            .reads(2),
        // The start table is a last-level table of 16 entries.
        Case("A13", stage1 | granule_4k | small_tables)
            .first(12, 48, 36)
            .small()
            .read(0xf456)
            .first_words({{0x80000078, 0x321098f43}})
            .gives(0x321098456, 4 * KiB)
            .reads(1),
        // Sixteen contiguous pages.
        Case("A14", stage1 | granule_4k | contiguous)
            .first(12, 16, 48)
            .read(0x450abc)
            .first_words({{0x80000000, 0x80001003},
                          {0x80001000, 0x80002003},
                          {0x80002010, 0x80003003},
                          {0x80003280, 0x10000900010f43}})
            .gives(0x900010abc, 64 * KiB)
            .reads(4),
        // The upper half, four levels.
        Case("A16", stage1 | granule_4k | upper_half)
            .first(12, 16, 48, 0x80000000, Half::Upper)
            .read(0xffff800012345678)
            .first_words({{0x80000800, 0x80001003},
                          {0x80001000, 0x80002003},
                          {0x80002488, 0x80003003},
                          {0x80003a28, 0x700005f43}})
            .gives(0x700005678, 4 * KiB)
            .reads(4),
        // The upper half, three levels.
        Case("A17", stage1 | granule_4k | upper_half)
            .first(12, 25, 48, 0x80000000, Half::Upper)
            .read(0xffffffc080000123)
            .first_words({{0x80000810, 0x80001003}, {0x80001000, 0x80002003}, {0x80002000, 0x700005f43}})
            .gives(0x700005123, 4 * KiB)
            .reads(3),
        // A tag in the top byte, lower half.
        Case("A19", stage1 | granule_4k | top_byte_ignored)
            .first(12, 16, 48)
            .set_cd(cd::TBI0, 1)
            .read(0x5a00123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543f43}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // A tag in the top byte, upper half.
        Case("A20", stage1 | granule_4k | upper_half | top_byte_ignored)
            .first(12, 16, 48, 0x80000000, Half::Upper)
            .set_cd(cd::TBI1, 1)
            .read(0xa5ff800012345678)
            .first_words({{0x80000800, 0x80001003},
                          {0x80001000, 0x80002003},
                          {0x80002488, 0x80003003},
                          {0x80003a28, 0x700005f43}})
            .gives(0x700005678, 4 * KiB)
            .reads(4),
        // 16 KiB granule, three levels.
        Case("A22", stage1 | granule_16k)
            .first(14, 17, 48)
            .read(0x723456789abc)
            .first_words({{0x80003918, 0x80004003}, {0x80005158, 0x80008003}, {0x80008f10, 0x876544f43}})
            .gives(0x876545abc, 16 * KiB)
            .reads(3),
        // A 32 MiB block.
        Case("A23", stage1 | granule_16k)
            .first(14, 17, 48)
            .read(0x723456789abc)
            .first_words({{0x80003918, 0x80004003}, {0x80005158, 0x876000f41}})
            .gives(0x876789abc, 32 * MiB)
            .reads(2),
        // 16 KiB granule, start at level 3.
        Case("A25", stage1 | granule_16k)
            .first(14, 39, 40)
            .read(0x1abcdef)
            .first_words({{0x80003578, 0x1234564f43}})
            .gives(0x1234564def, 16 * KiB)
            .reads(1),
        // 128 contiguous 16 KiB pages.
        Case("A26", stage1 | granule_16k | contiguous)
            .first(14, 17, 48)
            .read(0x301234)
            .first_words({{0x80000000, 0x80004003}, {0x80004000, 0x80008003}, {0x80008600, 0x10000800300f43}})
            .gives(0x800301234, 2 * MiB)
            .reads(3),
        // 64 KiB granule, three levels.
        Case("A28", stage1 | granule_64k)
            .first(16, 16, 48)
            .read(0xfedcba987654)
            .first_words({{0x800001f8, 0x80010003}, {0x8001b728, 0x80020003}, {0x8002d4c0, 0x876550f43}})
            .gives(0x876557654, 64 * KiB)
            .reads(3),
        // 64 KiB granule, start at level 2.
        Case("A29", stage1 | granule_64k)
            .first(16, 22, 48)
            .read(0x3ffdeadbeef)
            .first_words({{0x8000fff0, 0x80010003}, {0x8001f568, 0x876550f43}})
            .gives(0x87655beef, 64 * KiB)
            .reads(2),
        // 64 KiB granule, start at level 3.
        Case("A31", stage1 | granule_64k)
            .first(16, 35, 48)
            .read(0x1eadbeef)
            .first_words({{0x8000f568, 0x876550f43}})
            .gives(0x87655beef, 64 * KiB)
            .reads(1),
        // 32 contiguous 64 KiB pages.
        Case("A32", stage1 | granule_64k | contiguous)
            .first(16, 16, 48)
            .read(0x154321)
            .first_words({{0x80000000, 0x80010003}, {0x80010000, 0x80020003}, {0x800200a8, 0x10000800150f43}})
            .gives(0x800154321, 2 * MiB)
            .reads(3),
        // A 4 TiB block.
        Case("A34", stage1 | granule_64k | wide_addresses)
            .first(16, 12, 52)
            .wide(false)
            .read(0xfedcba9876543)
            .first_words({{0x80001fd8, 0xcf41}})
            .gives(0xc01cba9876543, 4096 * GiB)
            .reads(1),
        // Level -1, both addresses of 52 bits.
        Case("A35", stage1 | granule_4k | wide_addresses)
            .first(12, 12, 52)
            .wide(true)
            .read(0xfedcba9876543)
            .first_words({{0x80000078, 0x80001003},
                          {0x80001ed8, 0x80002003},
                          {0x80002970, 0x80003003},
                          {0x80003a60, 0x80004003},
                          {0x800043b0, 0x1123456789f43}})
            .gives(0xd123456789543, 4 * KiB)
            .reads(5),
        // 16 KiB granule, both addresses of 52 bits.
        Case("A37", stage1 | granule_16k | wide_addresses)
            .first(14, 12, 52)
            .wide(true)
            .read(0xfedcba9876543)
            .first_words({{0x800000f8, 0x80004003},
                          {0x800076e0, 0x80008003},
                          {0x8000aea0, 0x8000c003},
                          {0x8000f0e8, 0x1123456788f43}})
            .gives(0xd12345678a543, 16 * KiB)
            .reads(4),
        // A 64 GiB block.
        Case("A38", stage1 | granule_16k | wide_addresses)
            .first(14, 17, 52)
            .wide(true)
            .read(0x7dcba9876543)
            .first_words({{0x80003ee0, 0x1123000000f41}})
            .gives(0xd123ba9876543, 64 * GiB)
            .reads(1),
    };
}

}  // namespace smmusim::vectors
