// Stage 1 alone: faults, permissions, hardware update.
#include "vectors/case.hpp"

namespace smmusim::vectors {

std::vector<Case> stage1_fault_cases() {
    return {
        // T0SZ too small without DS.
        Case("B02", stage1 | granule_4k).first(12, 15, 48).read(0x1000).fails(event::C_BAD_CD),
        // T0SZ too small for 64 KiB without VAX.
        Case("B03", stage1 | granule_64k).first(16, 15, 48).read(0x1000).fails(event::C_BAD_CD),
        // The first address above the range.
        Case("B05", stage1 | granule_4k).first(12, 25, 48).read(0x8000000000).fails(event::F_TRANSLATION),
        // A tag in the top byte that nobody asked to ignore.
        Case("B06", stage1 | granule_4k).first(12, 16, 48).read(0x5a00123456789abc).fails(event::F_TRANSLATION),
        // Upper half, one bit above the range is 0.
        Case("B08", stage1 | granule_4k | upper_half)
            .first(12, 16, 48, 0x80000000, Half::Upper)
            .read(0xffbf800012345678)
            .fails(event::F_TRANSLATION),
        // Walks of TTB0 are disabled.
        Case("B09", stage1 | granule_4k)
            .first(12, 16, 48)
            .set_cd(cd::EPD0, 1)
            .read(0x123456789abc)
            .fails(event::F_TRANSLATION),
        // An empty entry at level 0.
        Case("B11", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x0}})
            .fails(event::F_TRANSLATION)
            .reads(1),
        // A block encoding at level 3.
        Case("B12", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543f41}})
            .fails(event::F_TRANSLATION)
            .reads(4),
        // A block encoding at level 0.
        Case("B14", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0xf41}})
            .fails(event::F_TRANSLATION)
            .reads(1),
        // A block encoding at level 1 of 16 KiB.
        Case("B15", stage1 | granule_16k)
            .first(14, 17, 48)
            .read(0x723456789abc)
            .first_words({{0x80003918, 0xf41}})
            .fails(event::F_TRANSLATION)
            .reads(1),
        // The page lies beyond IPS.
        Case("B17", stage1 | granule_4k)
            .first(12, 16, 44)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x100087654f43}})
            .fails(event::F_ADDR_SIZE)
            .reads(4),
        // The next table lies beyond IPS.
        Case("B18", stage1 | granule_4k)
            .first(12, 16, 40)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003}, {0x80001688, 0x10000000003}})
            .fails(event::F_ADDR_SIZE)
            .reads(2),
        // Never accessed.
        Case("B20", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543b43}})
            .fails(event::F_ACCESS)
            .reads(4),
        // Never accessed, which AFFD overlooks.
        Case("B21", stage1 | granule_4k)
            .first(12, 16, 48)
            .set_cd(cd::AFFD, 1)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543b43}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // Unprivileged read of a privileged page.
        Case("B23", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543703}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // Privileged write of a privileged page.
        Case("B24", stage1 | granule_4k)
            .first(12, 16, 48)
            .write(0x123456789abc)
            .privileged()
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543703}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // DBM without HD is nothing.
        Case("B26", stage1 | granule_4k)
            .first(12, 16, 48)
            .write(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x80008765437c3}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // A write makes a clean page dirty.
        Case("B27", stage1 | granule_4k | hardware_update)
            .first(12, 16, 48)
            .set_cd(cd::HA, 1)
            .set_cd(cd::HD, 1)
            .write(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x80008765437c3}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4)
            .updates(0x80003c48, 0x8000876543743),
        // A read leaves a clean page clean.
        Case("B29", stage1 | granule_4k | hardware_update)
            .first(12, 16, 48)
            .set_cd(cd::HA, 1)
            .set_cd(cd::HD, 1)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x80008765437c3}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // Privileged write of a read-only page.
        Case("B30", stage1 | granule_4k)
            .first(12, 16, 48)
            .write(0x123456789abc)
            .privileged()
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543783}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // APTable makes read-only, HAD0 overrules it.
        Case("B32", stage1 | granule_4k | hierarchy_disable)
            .first(12, 16, 48)
            .set_cd(cd::HAD0, 1)
            .write(0x123456789abc)
            .first_words({{0x80000120, 0x4000000080001003},
                          {0x80001688, 0x4000000080002003},
                          {0x80002598, 0x4000000080003003},
                          {0x80003c48, 0x876543f43}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // APTable takes unprivileged access away.
        Case("B33", stage1 | granule_4k)
            .first(12, 16, 48)
            .read(0x123456789abc)
            .first_words({{0x80000120, 0x2000000080001003},
                          {0x80001688, 0x2000000080002003},
                          {0x80002598, 0x2000000080003003},
                          {0x80003c48, 0x876543f43}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // Unprivileged execution.
        Case("B35", stage1 | granule_4k)
            .first(12, 16, 48)
            .fetch(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543f43}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // What is writable without privilege is not executed with it.
        Case("B36", stage1 | granule_4k)
            .first(12, 16, 48)
            .fetch(0x123456789abc)
            .privileged()
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543f43}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // What is writable is not executed: WXN.
        Case("B38", stage1 | granule_4k | write_excludes_execute)
            .first(12, 16, 48)
            .set_cd(cd::WXN, 1)
            .fetch(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543f43}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // UXNTable forbids unprivileged execution.
        Case("B39", stage1 | granule_4k)
            .first(12, 16, 48)
            .fetch(0x123456789abc)
            .first_words({{0x80000120, 0x1000000080001003},
                          {0x80001688, 0x1000000080002003},
                          {0x80002598, 0x1000000080003003},
                          {0x80003c48, 0x876543f43}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // PAN does not mind a privileged page.
        Case("B41", stage1 | granule_4k | privileged_access_never)
            .first(12, 16, 48)
            .set_cd(cd::PAN, 1)
            .read(0x123456789abc)
            .privileged()
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543703}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // PAN with EPAN minds that it is executable without privilege.
        Case("B42", stage1 | granule_4k | privileged_access_never)
            .first(12, 16, 48)
            .set_cd(cd::PAN, 1)
            .set_cd(cd::EPAN, 1)
            .read(0x123456789abc)
            .privileged()
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543703}})
            .fails(event::F_PERMISSION)
            .reads(4),
        // One privilege level: everything is privileged.
        Case("B44", stage1 | granule_4k | el2_world)
            .first(12, 16, 48)
            .el2()
            .write(0x123456789abc)
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543743}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
        // One privilege level: writable may be executable.
        Case("B45", stage1 | granule_4k | el2_world)
            .first(12, 16, 48)
            .el2()
            .fetch(0x123456789abc)
            .privileged()
            .first_words({{0x80000120, 0x80001003},
                          {0x80001688, 0x80002003},
                          {0x80002598, 0x80003003},
                          {0x80003c48, 0x876543743}})
            .gives(0x876543abc, 4 * KiB)
            .reads(4),
    };
}

}  // namespace smmusim::vectors
