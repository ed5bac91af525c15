// Both stages: reads of both, faults of stage 2 on the way, the fetch of the CD.
#include "vectors/case.hpp"

namespace smmusim::vectors {

std::vector<Case> nested_cases() {
    return {
        // Four levels over four levels: (4+1)(4+1)-1 reads.
        Case("E01", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002598, 0x40003003},
                          {2, 0x100003018, 0x2400037ff},
                          {1, 0x240003c48, 0x4321005f43},
                          {2, 0x100001860, 0x100004003},
                          {2, 0x100004840, 0x100005003},
                          {2, 0x100005028, 0x8765432117ff}})
            .gives(0x876543211abc, 4 * KiB)
            .reads(4, 20),
        // Three over three, the second stage from two concatenated tables.
        Case("E02", nested | granule_4k | concatenated)
            .first(12, 25, 40, 0x40000000)
            .second(12, 24, 48, 1)
            .read(0x56789abcde)
            .mixed_words({{2, 0x100000008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000ac8, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001e20, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002d58, 0x4321005f43},
                          {2, 0x100000860, 0x100004003},
                          {2, 0x100004840, 0x100005003},
                          {2, 0x100005028, 0x8765432117ff}})
            .gives(0x876543211cde, 4 * KiB)
            .reads(3, 12),
        // Three levels over four.
        Case("E04", nested | granule_4k)
            .first(12, 25, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x56789abcde)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000ac8, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001e20, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002d58, 0x4321005f43},
                          {2, 0x100001860, 0x100004003},
                          {2, 0x100004840, 0x100005003},
                          {2, 0x100005028, 0x8765432117ff}})
            .gives(0x876543211cde, 4 * KiB)
            .reads(3, 16),
        // A 2 MiB block over a page: three descriptors of stage 1, each behind four of stage 2.
        Case("E05", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002598, 0x4321000f41},
                          {2, 0x100001860, 0x100004003},
                          {2, 0x100004840, 0x100005003},
                          {2, 0x100005c48, 0x8765432107ff}})
            .gives(0x876543210abc, 4 * KiB)
            .reads(3, 16),
        // A page over a 1 GiB block.
        Case("E07", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002598, 0x40003003},
                          {2, 0x100003018, 0x2400037ff},
                          {1, 0x240003c48, 0x4321005f43},
                          {2, 0x100001860, 0x87400007fd}})
            .gives(0x8761005abc, 4 * KiB)
            .reads(4, 18),
        // The whole second stage is 1 GiB blocks.
        Case("E08", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x2400007fd},
                          {1, 0x240000120, 0x40001003},
                          {1, 0x240001688, 0x40002003},
                          {1, 0x240002598, 0x40003003},
                          {1, 0x240003c48, 0x4321005f43},
                          {2, 0x100001860, 0x87400007fd}})
            .gives(0x8761005abc, 4 * KiB)
            .reads(4, 10),
        // A 64 KiB page over a 4 KiB page: an entry covers the smaller.
        Case("E10", nested | granule_64k | granule_4k)
            .first(16, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0xfedcba987654)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x2400001f8, 0x40010003},
                          {2, 0x1000030d8, 0x24001b7ff},
                          {1, 0x24001b728, 0x40020003},
                          {2, 0x100003168, 0x24002d7ff},
                          {1, 0x24002d4c0, 0x4321010f43},
                          {2, 0x100001860, 0x100004003},
                          {2, 0x100004840, 0x100005003},
                          {2, 0x1000050b8, 0x8765432137ff}})
            .gives(0x876543213654, 4 * KiB)
            .reads(3, 16),
        // A 4 KiB page over a 64 KiB page: the low 16 bits come from the intermediate address.
        Case("E11", nested | granule_4k | granule_64k)
            .first(12, 16, 48, 0x40000000)
            .second(16, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100010003},
                          {2, 0x100010010, 0x100020003},
                          {2, 0x100020000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {1, 0x240001688, 0x40002003},
                          {1, 0x240002598, 0x40003003},
                          {1, 0x240003c48, 0x4321005f43},
                          {2, 0x1000110c8, 0x100030003},
                          {2, 0x100030800, 0x8765432107ff}})
            .gives(0x876543215abc, 4 * KiB)
            .reads(4, 15),
        // 64 KiB in both stages.
        Case("E13", nested | granule_64k)
            .first(16, 16, 48, 0x40000000)
            .second(16, 22, 44, 1)
            .read(0xfedcba987654)
            .mixed_words({{2, 0x100000010, 0x100010003},
                          {2, 0x100010000, 0x2400007ff},
                          {1, 0x2400001f8, 0x40010003},
                          {2, 0x100010008, 0x2400107ff},
                          {1, 0x24001b728, 0x40020003},
                          {2, 0x100010010, 0x2400207ff},
                          {1, 0x24002d4c0, 0x4321010f43},
                          {2, 0x1000010c8, 0x100020003},
                          {2, 0x100020808, 0x765432107ff}})
            .gives(0x76543217654, 64 * KiB)
            .reads(3, 8),
        // The upper half over four levels.
        Case("E14", nested | granule_4k | upper_half)
            .first(12, 16, 48, 0x40000000, Half::Upper)
            .second(12, 16, 48, 2)
            .read(0xffff923456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000920, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002598, 0x40003003},
                          {2, 0x100003018, 0x2400037ff},
                          {1, 0x240003c48, 0x4321005f43},
                          {2, 0x100001860, 0x100004003},
                          {2, 0x100004840, 0x100005003},
                          {2, 0x100005028, 0x8765432117ff}})
            .gives(0x876543211abc, 4 * KiB)
            .reads(4, 20),
        // The start table of stage 1 is not mapped.
        Case("E16", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x0}})
            .fails_second(event::F_TRANSLATION, event::TTD, 0x40000120)
            .reads(0, 4),
        // The level 2 table of stage 1 is not mapped.
        Case("E17", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x0}})
            .fails_second(event::F_TRANSLATION, event::TTD, 0x40002598)
            .reads(2, 12),
        // The final address is not mapped.
        Case("E19", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002598, 0x40003003},
                          {2, 0x100003018, 0x2400037ff},
                          {1, 0x240003c48, 0x4321005f43},
                          {2, 0x100001860, 0x0}})
            .fails_second(event::F_TRANSLATION, event::IN, 0x4321005abc)
            .reads(4, 18),
        // The final address is outside the range of stage 2.
        Case("E20", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 25, 48, 1)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000008, 0x100001003},
                          {2, 0x100001000, 0x100002003},
                          {2, 0x100002000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100002008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100002010, 0x2400027ff},
                          {1, 0x240002598, 0x40003003},
                          {2, 0x100002018, 0x2400037ff},
                          {1, 0x240003c48, 0x8000005f43}})
            .fails_second(event::F_TRANSLATION, event::IN, 0x8000005abc)
            .reads(4, 12),
        // Stage 1 was never accessed: said before stage 2 is asked.
        Case("E22", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002598, 0x40003003},
                          {2, 0x100003018, 0x2400037ff},
                          {1, 0x240003c48, 0x4321005b43}})
            .fails(event::F_ACCESS)
            .reads(4, 16),
        // Stage 1 does not permit: said before stage 2 is asked.
        Case("E23", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017ff},
                          {1, 0x240001688, 0x40002003},
                          {2, 0x100003010, 0x2400027ff},
                          {1, 0x240002598, 0x40003003},
                          {2, 0x100003018, 0x2400037ff},
                          {1, 0x240003c48, 0x4321005703}})
            .fails(event::F_PERMISSION)
            .reads(4, 16),
        // Tables of stage 1 that stage 2 does not let be read.
        Case("E25", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017bf}})
            .fails_second(event::F_PERMISSION, event::TTD, 0x40001688)
            .reads(1, 8),
        // A table of stage 1 in Device memory, with S2PTW.
        Case("E26", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .set_ste(ste::S2PTW, 1)
            .read(0x123456789abc)
            .mixed_words({{2, 0x100000000, 0x100001003},
                          {2, 0x100001008, 0x100002003},
                          {2, 0x100002000, 0x100003003},
                          {2, 0x100003000, 0x2400007ff},
                          {1, 0x240000120, 0x40001003},
                          {2, 0x100003008, 0x2400017c7}})
            .fails_second(event::F_PERMISSION, event::TTD, 0x40001688)
            .reads(1, 8),
        // The start table of stage 1 is outside the range of stage 2.
        Case("E28", nested | granule_4k)
            .first(12, 16, 48, 0x8000000000)
            .second(12, 25, 48, 1)
            .read(0x123456789abc)
            .fails_second(event::F_TRANSLATION, event::TTD, 0x8000000120)
            .reads(0, 0),
        // The CD is mapped; the walk goes on, into tables that are not.
        Case("E29", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x1000)
            .cd_words({{0x100000000, 0x100001003},
                       {0x100001008, 0x100002003},
                       {0x100002400, 0x100003003},
                       {0x100003000, 0x2500007ff}},
                      0x50000040)
            .fails_second(event::F_TRANSLATION, event::TTD, 0x40000000)
            .cd_reads(4)
            .reads(0, 3),
        // The page of the CD was never accessed.
        Case("E31", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x1000)
            .cd_words({{0x100000000, 0x100001003},
                       {0x100001008, 0x100002003},
                       {0x100002400, 0x100003003},
                       {0x100003000, 0x2500003ff}},
                      0x50000040)
            .fails_second(event::F_ACCESS, event::CD, 0x50000040)
            .cd_reads(4),
        // The page of the CD is not readable.
        Case("E32", nested | granule_4k)
            .first(12, 16, 48, 0x40000000)
            .second(12, 16, 48, 2)
            .read(0x1000)
            .cd_words({{0x100000000, 0x100001003},
                       {0x100001008, 0x100002003},
                       {0x100002400, 0x100003003},
                       {0x100003000, 0x2500007bf}},
                      0x50000040)
            .fails_second(event::F_PERMISSION, event::CD, 0x50000040)
            .cd_reads(4),
    };
}

}  // namespace smmusim::vectors
