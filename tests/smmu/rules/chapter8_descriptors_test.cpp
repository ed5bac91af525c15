// Bits of descriptors, contiguous sets and 52-bit addresses (chapter 8.2, 8.6 and 8.8 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter8_descriptors {
namespace {

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_root = TwoStageMachine::first_root;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
constexpr u64 contiguous = u64{1} << 52;

uarch::SmmuConfig wide_addresses() {
    return TwoStageMachine::with([](spec::Identification& id) {
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
        id.idr5.VAX = 1;
    });
}

// 8.2

TEST(SmmuDescriptors, AttrindxSelectsOneOfEightBytes) {
    // Bytes 0 to 7 of MAIR: Device types, then Normal ones.
    constexpr u64 mair = 0xFF'BB'44'EE'0C'08'04'00;
    using sim::MemoryType;
    constexpr std::array types{MemoryType::DeviceNGnRnE, MemoryType::DeviceNGnRE, MemoryType::DeviceNGRE,
                               MemoryType::DeviceGRE,    MemoryType::Normal,      MemoryType::Normal,
                               MemoryType::Normal,       MemoryType::Normal};
    using sim::Cacheability;
    constexpr std::array cacheabilities{Cacheability::WriteBack, Cacheability::NonCacheable, Cacheability::WriteThrough,
                                        Cacheability::WriteBack};
    for (u64 index = 0; index < 8; ++index) {
        TwoStageMachine machine(ste::Stage1);
        machine.context.set(cd::MAIR0, mair & 0xFFFF'FFFF).set(cd::MAIR1, mair >> 32);
        machine.map(address, first_leaf | index << 2);
        machine.start();
        const sim::MemoryAttributes found = machine.send(read(address)).attributes.memory;
        EXPECT_EQ(found.type, types[index]) << index;
        if (index >= 4) {
            EXPECT_EQ(found.outer, cacheabilities[index - 4]) << index;
            EXPECT_EQ(found.write_allocate, index == 7 || index == 6) << index;
        }
    }
}

TEST(SmmuDescriptors, IgnoredBitsOfLeavesHaveNoEffect) {
    // Stage 1: NS, GP, software, PBHA, bit 63. Stage 2: FnXS, bit 50, software, PBHA, bit 63. DBM without HD.
    for (const u64 bit : {5, 50, 51, 55, 56, 57, 58, 59, 60, 61, 62, 63}) {
        TwoStageMachine machine(ste::Stage1);
        machine.map(address, first_leaf | u64{1} << bit);
        machine.start();
        EXPECT_EQ(machine.send(write(address)).address, page) << bit;
    }
    for (const u64 bit : {11, 50, 51, 55, 56, 57, 58, 59, 60, 61, 62, 63}) {
        TwoStageMachine machine(ste::Stage2);
        machine.map(address, 0, second_leaf | u64{1} << bit);
        machine.start();
        EXPECT_EQ(machine.send(write(address)).address, page + storage) << bit;
    }
}

TEST(SmmuDescriptors, NtOfABlockHasNoEffectOnItsTranslation) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        TwoStageMachine machine(configuration);
        const u64 block = u64{0x40'0000'0000} | u64{1} << 16 | 1;
        if (configuration == ste::Stage1) machine.put_first(address, 2, block | (first_leaf & ~u64{3}));
        else machine.put_second(address, 2, block | (second_leaf & ~u64{3}));
        machine.start();
        EXPECT_EQ(machine.send(read(address)).address, 0x40'0000'0000 | (address & 0x1F'FFFF));
    }
}

TEST(SmmuDescriptors, IgnoredBitsOfTablesHaveNoEffect) {
    // Bits 11:2 and 58:51; stage 2 has no hierarchical attributes either.
    for (const u64 configuration : {ste::Stage1, ste::Stage2})
        for (const int level : {0, 1, 2})
            for (unsigned bit = 2; bit < 64; ++bit) {
                if (bit >= 12 && bit <= 50) continue;
                if (configuration == ste::Stage1 && bit >= 59) continue;
                TwoStageMachine machine(configuration);
                machine.map();
                machine.start();
                const u64 at = configuration == ste::Stage1 ? machine.first_descriptor(address, level)
                                                            : machine.second_descriptor(address, level);
                machine.memory.put(at, machine.memory.u64_at(at) | u64{1} << bit);
                EXPECT_TRUE(machine.send(write(address)).passed()) << level << " " << bit;
            }
}

TEST(SmmuDescriptors, NstableHasNoEffectOnANonSecureStream) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    const u64 at = machine.first_descriptor(address, 1);
    machine.memory.put(at, machine.memory.u64_at(at) | u64{1} << 63);
    const Answer answer = machine.send(write(address));
    EXPECT_TRUE(answer.passed());
    EXPECT_FALSE(answer.attributes.secure);
}

TEST(SmmuDescriptors, NextTablesAreAlignedToTheirGranule) {
    TwoStageMachine machine(ste::Stage1);
    machine.first_tables(14, 17, 1);
    machine.put_first(address, 3, page | first_leaf);
    machine.start();
    // Bits 13:12 of a 16 KiB table descriptor belong to no address.
    const u64 at = first_root + (address >> 36) * 8;
    machine.memory.put(at, machine.memory.u64_at(at) | 0x3000);
    EXPECT_EQ(machine.send(read(address)).address, page | (address & 0x3FFF));
}

TEST(SmmuDescriptors, GlobalEntriesServeEveryAsid) {
    // nG = 0: a stream with the same VMID and another ASID hits what the first one brought in.
    for (const bool global : {false, true}) {
        TwoStageMachine machine(ste::Stage1);
        machine.map(address, global ? first_leaf & ~u64{0x800} : first_leaf);
        machine.start();
        constexpr u64 other_cd = TwoStageMachine::cd_address + 0x1000;
        SteBuilder other = machine.entry;
        CdBuilder context = machine.context;
        other.set(ste::S1ContextPtr, other_cd);
        context.set(cd::ASID, 4);
        machine.memory.write(SmmuMachine::strtab + 9 * 64, other.words().data(), 64);
        machine.memory.write(other_cd, context.words().data(), 64);
        EXPECT_TRUE(machine.send(read(address)).passed());
        EXPECT_TRUE(machine.send(read(address + 0x1000).of_stream(9)).events.size() == 1) << "configuration is known";
        machine.execute({command::nh_asid(5, 4)});
        machine.memory.log.clear();
        // The configuration of stream 9 is cached by now, so that only the walk is left.
        EXPECT_TRUE(machine.send(read(address).of_stream(9)).passed());
        EXPECT_EQ(machine.own_reads(), global ? 0u : 4u);
    }
}

// 8.6

struct ContiguousRow {
    unsigned offset_bits;
    int level;
    unsigned entry_bits, set_bits;
};

/// An address in the middle of a set.
constexpr u64 contiguous_input = 0x6A'AAAA'0000;

/// A set around it that is mapped to itself by `entries` entries, all with the bit.
void prepare(TwoStageMachine& machine, u64 configuration, const ContiguousRow& row, u64 entries) {
    const bool first = configuration == ste::Stage1;
    const int start = row.offset_bits == 12 ? 0 : 1;
    const unsigned size = row.offset_bits == 14 ? 17 : 16;
    if (first) machine.first_tables(row.offset_bits, size, start);
    else machine.second_tables(row.offset_bits, size, 2, start);
    const u64 base = contiguous_input & ~((u64{1} << row.set_bits) - 1);
    for (u64 entry = 0; entry < entries; ++entry) {
        const u64 at = base + (entry << row.entry_bits);
        const u64 kind = row.level == 3 ? 3 : 1;
        if (first) machine.put_first(at, row.level, at | (first_leaf & ~u64{3}) | kind | contiguous);
        else machine.put_second(at, row.level, at | (second_leaf & ~u64{3}) | kind | contiguous);
    }
    machine.start();
}

const std::vector<ContiguousRow> contiguous_rows{{12, 3, 12, 16}, {12, 2, 21, 25}, {12, 1, 30, 34}, {14, 3, 14, 21},
                                                 {14, 2, 25, 30}, {16, 3, 16, 21}, {16, 2, 29, 34}};

TEST(SmmuContiguous, OneTlbEntryServesTheSet) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        for (const ContiguousRow& row : contiguous_rows) {
            TwoStageMachine machine(configuration);
            prepare(machine, configuration, row, (u64{1} << (row.set_bits - row.entry_bits)) + 1);
            const u64 base = contiguous_input & ~((u64{1} << row.set_bits) - 1);
            const u64 last = base + (u64{1} << row.set_bits) - 0x1000;
            EXPECT_EQ(machine.send(read(contiguous_input)).address, contiguous_input);
            machine.memory.log.clear();
            EXPECT_EQ(machine.send(read(base)).address, base);
            EXPECT_EQ(machine.send(read(last)).address, last);
            EXPECT_EQ(machine.own_reads(), 0u) << row.offset_bits << " level " << row.level;
            EXPECT_EQ(machine.send(read(last + 0x1000)).address, last + 0x1000) << "the entry behind the set";
            EXPECT_GT(machine.own_reads(), 0u) << row.offset_bits << " level " << row.level;
        }
    }
}

TEST(SmmuContiguous, WalkIsTheSameAsWithoutTheBit) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        for (const ContiguousRow& row : contiguous_rows) {
            TwoStageMachine machine(configuration);
            prepare(machine, configuration, row, u64{1} << (row.set_bits - row.entry_bits));
            EXPECT_EQ(machine.send(read(contiguous_input)).address, contiguous_input);
            const int start = row.offset_bits == 12 ? 0 : 1;
            const std::size_t structures = configuration == ste::Stage1 ? 2 : 1;
            EXPECT_EQ(machine.own_reads(), structures + static_cast<std::size_t>(row.level - start) + 1);
        }
    }
}

TEST(SmmuContiguous, InvalidationOfOneAddressRemovesTheSet) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        for (const ContiguousRow& row : contiguous_rows) {
            TwoStageMachine machine(configuration);
            prepare(machine, configuration, row, u64{1} << (row.set_bits - row.entry_bits));
            const u64 base = contiguous_input & ~((u64{1} << row.set_bits) - 1);
            EXPECT_TRUE(machine.send(read(contiguous_input)).passed());
            const u64 other = base + (u64{1} << row.set_bits) - 0x1000;
            machine.execute({configuration == ste::Stage1 ? command::nh_va(5, 3, other) : command::s2_ipa(5, other)});
            machine.memory.log.clear();
            EXPECT_TRUE(machine.send(read(base)).passed());
            EXPECT_GT(machine.own_reads(), 0u) << row.offset_bits << " level " << row.level;
        }
    }
}

TEST(SmmuContiguous, BitIsIgnoredInTheLargestBlocks) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        struct Row {
            unsigned offset_bits;
            int level;
            unsigned entry_bits;
        };
        for (const Row& row : {Row{12, 0, 39}, Row{14, 1, 36}, Row{16, 1, 42}}) {
            TwoStageMachine machine(configuration, wide_addresses());
            const bool first = configuration == ste::Stage1;
            const int start = row.offset_bits == 12 ? 0 : 1;
            const unsigned size = row.offset_bits == 14 ? 17 : 16;
            machine.context.set(cd::DS, row.offset_bits != 16).set(cd::IPS, 6);
            machine.entry.set(ste::S2DS, row.offset_bits != 16).set(ste::S2PS, 6);
            if (first) machine.first_tables(row.offset_bits, size, start);
            else machine.second_tables(row.offset_bits, size, 2, start);
            const u64 second_block = u64{1} << row.entry_bits;
            for (const u64 at : {u64{0}, second_block}) {
                if (first) machine.put_first(at, row.level, at | 0xC41 | contiguous);
                else machine.put_second(at, row.level, at | 0x4FD | contiguous);
            }
            machine.start();
            EXPECT_EQ(machine.send(read(0x1000)).address, 0x1000u);
            machine.memory.log.clear();
            EXPECT_EQ(machine.send(read(second_block)).address, second_block);
            EXPECT_GT(machine.own_reads(), 0u) << row.offset_bits;
        }
    }
}

TEST(SmmuContiguous, SetLargerThanTheInputIsNotUsed) {
    // 16 MiB of input, a set of 2 MiB blocks would be 32 MiB.
    TwoStageMachine machine(ste::Stage1, TwoStageMachine::with([](spec::Identification& id) { id.idr3.STT = 1; }));
    machine.first_tables(12, 40, 2);
    for (u64 block = 0; block < 8; ++block)
        machine.put_first(block << 21, 2, page | block << 21 | (first_leaf & ~u64{2}) | contiguous);
    machine.start();
    EXPECT_EQ(machine.send(read(0)).address, page);
    machine.memory.log.clear();
    EXPECT_EQ(machine.send(read(u64{5} << 21)).address, page | u64{5} << 21);
    EXPECT_EQ(machine.own_reads(), 1u);
}

// 8.8

constexpr u64 high_page = 0xD'1234'5678'0000;  ///< bits 51:50 = 11, 49:48 = 01

/// A read through one leaf of a stage with `bits` (output and attributes), at level 3.
Answer through_leaf(u64 configuration, unsigned offset_bits, bool ds, u64 size_encoding, u64 bits, u64 table_bits = 0) {
    TwoStageMachine machine(configuration, wide_addresses());
    const bool first = configuration == ste::Stage1;
    const int start = offset_bits == 12 ? 0 : 1;
    const unsigned size = offset_bits == 14 ? 17 : 16;
    machine.context.set(cd::DS, ds).set(cd::IPS, size_encoding);
    machine.entry.set(ste::S2DS, ds).set(ste::S2PS, size_encoding);
    if (first) machine.first_tables(offset_bits, size, start);
    else machine.second_tables(offset_bits, size, 2, start);
    constexpr u64 input = 0x1234'0000;
    if (table_bits != 0) {
        if (first) machine.put_first(input, start, table_bits | 3);
        else machine.put_second(input, start, table_bits | 3);
    } else if (first) {
        machine.put_first(input, 3, bits | 0xC43);
    } else {
        machine.put_second(input, 3, bits | 0x4FF);
    }
    machine.start();
    return machine.send(read(input + 0x128));
}

TEST(SmmuDescriptors, LeavesOf64KHoldBits51To48InBits15To12) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        const u64 bits = (high_page & 0xFFFF'FFFF'0000) | 0xD000;
        EXPECT_EQ(through_leaf(configuration, 16, false, 6, bits).address, high_page + 0x128);
    }
}

TEST(SmmuDescriptors, OutputOf64KBeyondASmallerSizeIsAnAddressSizeFault) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        const u64 bits = (high_page & 0xFFFF'FFFF'0000) | 0xD000;
        EXPECT_EQ(through_leaf(configuration, 16, false, 5, bits).event(), event::F_ADDR_SIZE);
    }
}

TEST(SmmuDescriptors, LeavesOf4KAnd16KWithDsHoldBits51To50InBits9To8) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        for (const unsigned offset_bits : {12u, 14u}) {
            const u64 bits = (high_page & 0x3'FFFF'FFFF'FFFF) | 0x300;
            EXPECT_EQ(through_leaf(configuration, offset_bits, true, 6, bits).address, high_page + 0x128)
                << offset_bits;
            EXPECT_EQ(through_leaf(configuration, offset_bits, true, 5, bits).event(), event::F_ADDR_SIZE)
                << offset_bits;
            EXPECT_EQ(through_leaf(configuration, offset_bits, true, 5, bits & ~u64{0x300}).event(), event::F_ADDR_SIZE)
                << "bit 48 alone";
        }
    }
}

TEST(SmmuDescriptors, LeavesWithoutDsHold48BitsWhateverTheSizeSays) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        for (const unsigned offset_bits : {12u, 14u}) {
            // Bits 9:8 are SH, bits 49:48 are ignored.
            const u64 bits = (high_page & 0x3'FFFF'FFFF'FFFF) | 0x300;
            EXPECT_EQ(through_leaf(configuration, offset_bits, false, 6, bits).address,
                      (high_page & 0xFFFF'FFFF'FFFF) + 0x128)
                << offset_bits;
        }
    }
}

TEST(SmmuDescriptors, TablesHoldTheirAddressesLikeLeaves) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        // The table above holds no descriptor, but it is read.
        const u64 table = high_page;
        EXPECT_EQ(through_leaf(configuration, 16, false, 6, 0, (table & 0xFFFF'FFFF'0000) | 0xD000).event(),
                  event::F_TRANSLATION);
        EXPECT_EQ(through_leaf(configuration, 16, false, 5, 0, (table & 0xFFFF'FFFF'0000) | 0xD000).event(),
                  event::F_ADDR_SIZE);
        EXPECT_EQ(through_leaf(configuration, 12, true, 6, 0, (table & 0x3'FFFF'FFFF'F000) | 0x300).event(),
                  event::F_TRANSLATION);
        EXPECT_EQ(through_leaf(configuration, 12, true, 5, 0, (table & 0x3'FFFF'FFFF'F000) | 0x300).event(),
                  event::F_ADDR_SIZE);
    }
}

TEST(SmmuDescriptors, StartTableOfLevelMinus1Has16EntriesAndOf16KLevel0Has32) {
    struct Row {
        unsigned offset_bits;
        int start;
        u64 entries, bytes_below;
    };
    for (const Row& row : {Row{12, -1, 16, u64{1} << 48}, Row{14, 0, 32, u64{1} << 47}})
        for (u64 entry = 0; entry < row.entries; ++entry) {
            TwoStageMachine machine(ste::Stage1, wide_addresses());
            machine.context.set(cd::DS, 1).set(cd::IPS, 6);
            machine.first_tables(row.offset_bits, 12, row.start);
            machine.put_first(entry * row.bytes_below, 3, page | 0xC43);
            machine.start();
            EXPECT_EQ(machine.send(read(entry * row.bytes_below)).address, page);
            EXPECT_EQ(machine.memory.reads(first_root + entry * 8, 8), 1u);
        }
}

}  // namespace
}  // namespace smmusim::test::chapter8_descriptors
