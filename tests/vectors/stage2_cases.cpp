// Stage 2 alone, translations that succeed.
#include "vectors/case.hpp"

namespace smmusim::vectors {

std::vector<Case> stage2_cases() {
    return {
        // Start at level 0.
        Case("C02", stage2 | granule_4k)
            .second(12, 16, 48, 2)
            .read(0xfedcba987654)
            .second_words({{0x100000fe8, 0x100001003},
                           {0x100001b90, 0x100002003},
                           {0x100002ea0, 0x100003003},
                           {0x100003c38, 0x123456787ff}})
            .gives(0x12345678654, 4 * KiB)
            .reads(0, 4),
        // Start at level 1.
        Case("C03", stage2 | granule_4k)
            .second(12, 25, 40, 1)
            .read(0x7ffffff000)
            .second_words({{0x100000ff8, 0x100001003}, {0x100001ff8, 0x100002003}, {0x100002ff8, 0x34567897ff}})
            .gives(0x3456789000, 4 * KiB)
            .reads(0, 3),
        // Eight concatenated tables at level 1.
        Case("C05", stage2 | granule_4k | concatenated)
            .second(12, 22, 44, 1)
            .read(0x3abcdef0123)
            .second_words({{0x100007578, 0x100008003}, {0x100008378, 0x100009003}, {0x100009780, 0x34567897ff}})
            .gives(0x3456789123, 4 * KiB)
            .reads(0, 3),
        // Sixteen concatenated tables, a 1 GiB block.
        Case("C06", stage2 | granule_4k | concatenated)
            .second(12, 21, 44, 1)
            .read(0x7abcdef0123)
            .second_words({{0x10000f578, 0x34400007fd}})
            .gives(0x344def0123, 1 * GiB)
            .reads(0, 1),
        // Sixteen concatenated tables at level 2, a 2 MiB block.
        Case("C08", stage2 | granule_4k | concatenated)
            .second(12, 30, 36, 0)
            .read(0x3fedcba98)
            .second_words({{0x10000ffb0, 0x3456007fd}})
            .gives(0x3457cba98, 2 * MiB)
            .reads(0, 1),
        // Start at level 2.
        Case("C09", stage2 | granule_4k)
            .second(12, 34, 36, 0)
            .read(0x3edcba98)
            .second_words({{0x100000fb0, 0x100001003}, {0x100001e58, 0x3456787ff}})
            .gives(0x345678a98, 4 * KiB)
            .reads(0, 2),
        // 16 KiB granule, sixteen concatenated tables at level 2.
        Case("C11", stage2 | granule_16k | concatenated)
            .second(14, 24, 40, 1)
            .read(0xfedcba9876)
            .second_words({{0x10003fb70, 0x100040003}, {0x100041750, 0x34567887ff}})
            .gives(0x3456789876, 16 * KiB)
            .reads(0, 2),
        // 16 KiB granule, start at level 1.
        Case("C12", stage2 | granule_16k)
            .second(14, 20, 44, 2)
            .read(0xedcba987654)
            .second_words({{0x100000768, 0x100004003}, {0x1000072e8, 0x100008003}, {0x100009308, 0x34567887ff}})
            .gives(0x345678b654, 16 * KiB)
            .reads(0, 3),
        // 16 KiB granule, eight concatenated tables at level 3.
        Case("C14", stage2 | granule_16k | concatenated)
            .second(14, 36, 36, 0)
            .read(0xedcba98)
            .second_words({{0x10001db90, 0x3456787ff}})
            .gives(0x34567ba98, 16 * KiB)
            .reads(0, 1),
        // 64 KiB granule, start at level 2.
        Case("C15", stage2 | granule_64k)
            .second(16, 22, 44, 1)
            .read(0x3dcba987654)
            .second_words({{0x10000f728, 0x100010003}, {0x10001d4c0, 0x34567907ff}})
            .gives(0x3456797654, 64 * KiB)
            .reads(0, 2),
        // 64 KiB granule, sixteen concatenated tables.
        Case("C17", stage2 | granule_64k | concatenated)
            .second(16, 18, 48, 1)
            .read(0x3fdcba987654)
            .second_words({{0x1000ff728, 0x100100003}, {0x10010d4c0, 0x34567907ff}})
            .gives(0x3456797654, 64 * KiB)
            .reads(0, 2),
        // 64 KiB granule, start at level 1.
        Case("C18", stage2 | granule_64k)
            .second(16, 16, 48, 2)
            .read(0xfedcba987654)
            .second_words({{0x1000001f8, 0x100010003}, {0x10001b728, 0x100020003}, {0x10002d4c0, 0x34567907ff}})
            .gives(0x3456797654, 64 * KiB)
            .reads(0, 3),
        // 52 bits by sixteen concatenated tables at level 0.
        Case("C20", stage2 | granule_4k | wide_addresses | concatenated)
            .second(12, 12, 52, 2)
            .wide(true)
            .read(0xffedcba987654)
            .second_words({{0x10000ffe8, 0x100010003},
                           {0x100010b90, 0x100011003},
                           {0x100011ea0, 0x100012003},
                           {0x100012c38, 0x21234567896ff}})
            .gives(0xa123456789654, 4 * KiB)
            .reads(0, 4),
        // 52 bits by a start at level -1.
        Case("C21", stage2 | granule_4k | wide_addresses)
            .second(12, 12, 52, 4)
            .wide(true)
            .read(0xffedcba987654)
            .second_words({{0x100000078, 0x100001003},
                           {0x100001fe8, 0x100002003},
                           {0x100002b90, 0x100003003},
                           {0x100003ea0, 0x100004003},
                           {0x100004c38, 0x21234567896ff}})
            .gives(0xa123456789654, 4 * KiB)
            .reads(0, 5),
    };
}

}  // namespace smmusim::vectors
