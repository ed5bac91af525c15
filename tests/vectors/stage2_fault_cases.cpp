// Stage 2 alone: faults and illegal STEs.
#include "vectors/case.hpp"

namespace smmusim::vectors {

std::vector<Case> stage2_fault_cases() {
    return {
        // 44 bits are too many for a start at level 1.
        Case("D01", stage2 | granule_4k).second(12, 20, 44, 1).oas(44).read(0x1000).fails(event::C_BAD_STE),
        // 39 bits are too few for a start at level 0.
        Case("D02", stage2 | granule_4k).second(12, 25, 44, 2).oas(44).read(0x1000).fails(event::C_BAD_STE),
        // More input bits than there are address bits.
        Case("D04", stage2 | granule_4k).second(12, 19, 44, 2).oas(44).read(0x1000).fails(event::C_BAD_STE),
        // S2T0SZ above 39 without STT.
        Case("D05", stage2 | granule_4k).second(12, 40, 44, 0).oas(44).read(0x1000).fails(event::C_BAD_STE),
        // 36 bits are too few for a start at level 1 of 16 KiB.
        Case("D07", stage2 | granule_16k).second(14, 28, 44, 2).oas(44).read(0x1000).fails(event::C_BAD_STE),
        // The input is no intermediate address at all: stage 1 says so, without a CD.
        Case("D08", stage2 | granule_4k).second(12, 20, 44, 2).oas(44).read(0x100000000000).fails(event::F_ADDR_SIZE),
        // An empty entry at level 0.
        Case("D10", stage2 | granule_4k)
            .second(12, 20, 44, 2)
            .oas(44)
            .read(0xabcdef01234)
            .second_words({{0x1000000a8, 0x0}})
            .fails_second(event::F_TRANSLATION, event::IN, 0xabcdef01234)
            .reads(0, 1),
        // An invalid entry at level 3.
        Case("D11", stage2 | granule_4k)
            .second(12, 20, 44, 2)
            .oas(44)
            .read(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x123456787fe}})
            .fails_second(event::F_TRANSLATION, event::IN, 0xabcdef01234)
            .reads(0, 4),
        // Never accessed.
        Case("D13", stage2 | granule_4k)
            .second(12, 20, 44, 2)
            .oas(44)
            .read(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x123456783ff}})
            .fails_second(event::F_ACCESS, event::IN, 0xabcdef01234)
            .reads(0, 4),
        // Never accessed, which S2AFFD overlooks.
        Case("D14", stage2 | granule_4k)
            .second(12, 20, 44, 2)
            .oas(44)
            .set_ste(ste::S2AFFD, 1)
            .read(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x123456783ff}})
            .gives(0x12345678234, 4 * KiB)
            .reads(0, 4),
        // No access at all.
        Case("D16", stage2 | granule_4k)
            .second(12, 20, 44, 2)
            .oas(44)
            .read(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x1234567873f}})
            .fails_second(event::F_PERMISSION, event::IN, 0xabcdef01234)
            .reads(0, 4),
        // Write of a read-only page.
        Case("D17", stage2 | granule_4k)
            .second(12, 20, 44, 2)
            .oas(44)
            .write(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x1234567877f}})
            .fails_second(event::F_PERMISSION, event::IN, 0xabcdef01234)
            .reads(0, 4),
        // Write of a write-only page.
        Case("D19", stage2 | granule_4k)
            .second(12, 20, 44, 2)
            .oas(44)
            .write(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x123456787bf}})
            .gives(0x12345678234, 4 * KiB)
            .reads(0, 4),
        // A write makes a clean page dirty.
        Case("D20", stage2 | granule_4k | hardware_update)
            .second(12, 20, 44, 2)
            .oas(44)
            .set_ste(ste::S2HA, 1)
            .set_ste(ste::S2HD, 1)
            .write(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x801234567877f}})
            .gives(0x12345678234, 4 * KiB)
            .reads(0, 4)
            .updates(0x100003808, 0x80123456787ff),
        // Executable without privilege only, and so it is.
        Case("D22", stage2 | granule_4k | execute_by_level)
            .second(12, 20, 44, 2)
            .oas(44)
            .fetch(0xabcdef01234)
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x200123456787ff}})
            .gives(0x12345678234, 4 * KiB)
            .reads(0, 4),
        // Executable without privilege only, but it is not.
        Case("D23", stage2 | granule_4k | execute_by_level)
            .second(12, 20, 44, 2)
            .oas(44)
            .fetch(0xabcdef01234)
            .privileged()
            .second_words({{0x1000000a8, 0x100001003},
                           {0x100001798, 0x100002003},
                           {0x1000027b8, 0x100003003},
                           {0x100003808, 0x200123456787ff}})
            .fails_second(event::F_PERMISSION, event::IN, 0xabcdef01234)
            .reads(0, 4),
    };
}

}  // namespace smmusim::vectors
