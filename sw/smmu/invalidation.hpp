// Which TLBI commands cover a range (IHI 0070, 4.4.1).
#pragma once

#include <bit>
#include <vector>

#include "sw/smmu/structures.hpp"

namespace smmusim::sw::smmu {

/// How the range is to be invalidated.
struct InvalidationShape {
    unsigned granule_bits = 12;
    bool ranges = false;     ///< IDR3.RIL
    bool only_pages = true;  ///< every leaf is a page, so that the level may be told
};

/// Pages above which one command for the whole address space is cheaper, where there are no range commands.
inline constexpr u64 whole_space_pages = 512;

/// Copies of `pattern` (opcode, VMID, ASID) with addresses that cover [address, address + size).
inline std::vector<Command> cover(Command pattern, const InvalidationShape& shape, u64 address, u64 size) {
    std::vector<Command> commands;
    pattern.set(Command::Leaf, true);
    u64 pages = size >> shape.granule_bits;
    if (!shape.ranges) {
        for (u64 page = 0; page < pages; ++page) {
            pattern.set(Command::Address, address + (page << shape.granule_bits));
            commands.push_back(pattern);
        }
        return commands;
    }
    constexpr u64 largest = 31;
    while (pages != 0) {
        const unsigned scale = static_cast<unsigned>(std::countr_zero(pages));
        const u64 count = (pages >> scale) & largest;
        Command command = pattern;
        command.set(Command::Address, address);
        // A range of one page without a level would be ILLEGAL with TG set: it is no range then.
        if (shape.only_pages || count != 1 || scale != 0) {
            command.set(Command::TG, (shape.granule_bits - 10) / 2);
            command.set(Command::NUM, count - 1);
            command.set(Command::SCALE, scale);
            if (shape.only_pages) command.set(Command::TTL, 3u);
        }
        commands.push_back(command);
        address += (count << scale) << shape.granule_bits;
        pages -= count << scale;
    }
    return commands;
}

}  // namespace smmusim::sw::smmu
