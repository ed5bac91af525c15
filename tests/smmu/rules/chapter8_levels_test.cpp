// Granules, start levels, leaf sizes and the number of reads (chapter 8.1, 8.3 to 8.5, 8.9 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter8_levels {
namespace {

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_root = TwoStageMachine::first_root;
constexpr u64 second_root = TwoStageMachine::second_root;
constexpr u64 cd_address = TwoStageMachine::cd_address;
// Leaves without SH, so that they serve 52-bit descriptors too; without bits 1:0.
constexpr u64 first_bits = 0xC40;
constexpr u64 second_bits = 0x4FC;

/// Everything that ID registers can offer: small tables and 52-bit addresses.
uarch::SmmuConfig large() {
    return TwoStageMachine::with([](spec::Identification& id) {
        id.idr3.STT = 1;
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
        id.idr5.VAX = 1;
    });
}
std::vector<u64> descriptor_reads(const TwoStageMachine& machine) {
    std::vector<u64> addresses;
    for (const FakeMemory::Logged& access : machine.memory.log)
        if (access.attributes.transaction_class == sim::TransactionClass::TableWalk)
            addresses.push_back(access.address);
    return addresses;
}

// 8.1

TEST(SmmuDescriptors, EachLevelIsIndexedByItsBitsOfTheAddress) {
    struct Level {
        unsigned high, low;
    };
    struct Row {
        unsigned offset_bits, size_field;
        int start;
        u64 start_field;
        bool wide;
        std::vector<Level> levels;
    };
    for (const Row& row : {Row{12, 16, 0, 2, false, {{47, 39}, {38, 30}, {29, 21}, {20, 12}}},
                           Row{12, 12, -1, 0, true, {{51, 48}, {47, 39}, {38, 30}, {29, 21}, {20, 12}}},
                           Row{14, 17, 1, 2, false, {{46, 36}, {35, 25}, {24, 14}}},
                           Row{14, 16, 0, 3, true, {{47, 47}, {46, 36}, {35, 25}, {24, 14}}},
                           Row{14, 12, 0, 3, true, {{51, 47}, {46, 36}, {35, 25}, {24, 14}}},
                           Row{16, 16, 1, 2, false, {{47, 42}, {41, 29}, {28, 16}}},
                           Row{16, 12, 1, 2, false, {{51, 42}, {41, 29}, {28, 16}}}}) {
        const u64 input = u64{0xABCD'1234'5678'9ABC} & ((u64{1} << (64 - row.size_field)) - 1);
        for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
            const bool first = configuration == ste::Stage1;
            TwoStageMachine machine(configuration, large());
            machine.context.set(cd::IPS, 6).set(cd::DS, row.wide);
            machine.entry.set(ste::S2PS, 6).set(ste::S2DS, row.wide);
            if (first) {
                machine.first_tables(row.offset_bits, row.size_field, row.start);
                machine.put_first(input, 3, page | first_bits | 3);
            } else {
                machine.second_tables(row.offset_bits, row.size_field, row.start_field, row.start);
                machine.entry.set(ste::S2SL0_2, row.start == -1);
                machine.put_second(input, 3, page | second_bits | 3);
            }
            machine.start();
            EXPECT_EQ(machine.send(read(input & ~u64{7})).address,
                      page | (input & ((u64{1} << row.offset_bits) - 1) & ~u64{7}));
            // The tables follow each other in memory, one granule each.
            u64 table = first ? first_root : second_root;
            u64 next = first ? first_root + 0x10'0000 : second_root + 0x100'0000;
            std::vector<u64> expected;
            for (const Level& level : row.levels) {
                const u64 mask = (u64{1} << (level.high - level.low + 1)) - 1;
                expected.push_back(table + (input >> level.low & mask) * 8);
                table = next;
                next += u64{1} << row.offset_bits;
            }
            EXPECT_EQ(descriptor_reads(machine), expected) << row.offset_bits << " " << row.size_field;
        }
    }
}

// 8.3

struct FirstRow {
    unsigned offset_bits;
    int start;
    unsigned from, to;
    unsigned plain_from, plain_to;  ///< the part of the range that needs neither DS, VAX nor STT; empty if from > to
};
const std::vector<FirstRow> first_rows{{12, -1, 12, 15, 1, 0},  {12, 0, 16, 24, 16, 24}, {12, 1, 25, 33, 25, 33},
                                       {12, 2, 34, 42, 34, 39}, {12, 3, 43, 48, 1, 0},   {14, 0, 12, 16, 16, 16},
                                       {14, 1, 17, 27, 17, 27}, {14, 2, 28, 38, 28, 38}, {14, 3, 39, 48, 39, 39},
                                       {16, 1, 12, 21, 16, 21}, {16, 2, 22, 34, 22, 34}, {16, 3, 35, 47, 35, 39}};

/// Sends a read to the last page of the range. The start table is read at its last entry.
void expect_first(const FirstRow& row, unsigned size, const uarch::SmmuConfig& config, bool wide, bool legal) {
    TwoStageMachine machine(ste::Stage1, config);
    machine.first_tables(row.offset_bits, size, row.start);
    machine.context.set(cd::DS, wide);
    const u64 last = ((u64{1} << (64 - size)) - 1) & ~((u64{1} << row.offset_bits) - 1);
    machine.put_first(last, 3, page | first_bits | 3);
    machine.start();
    const Answer answer = machine.send(read(last));
    EXPECT_EQ(answer.event(), legal ? 0u : u64{event::C_BAD_CD}) << row.offset_bits << " T0SZ " << size;
    if (!legal) return;
    EXPECT_EQ(answer.address, page) << row.offset_bits << " T0SZ " << size;
    EXPECT_EQ(descriptor_reads(machine).size(), static_cast<std::size_t>(4 - row.start)) << row.offset_bits << size;
    EXPECT_EQ(machine.send(read(u64{1} << (64 - size))).event(), event::F_TRANSLATION) << "behind the range";
}

TEST(SmmuStartLevels, Stage1StartsWhereTxszSays) {
    for (const FirstRow& row : first_rows)
        for (unsigned size = row.from; size <= row.to; ++size) expect_first(row, size, large(), true, true);
}

TEST(SmmuStartLevels, Stage1WithoutWideAddressesAndSmallTablesHas16To39) {
    for (const FirstRow& row : first_rows)
        for (unsigned size = row.from; size <= row.to; ++size)
            expect_first(row, size, SmmuMachine::small_config(), false, size >= row.plain_from && size <= row.plain_to);
}

TEST(SmmuStartLevels, SizesOutsideEveryRangeAreIllegal) {
    for (const unsigned offset_bits : {12u, 14u, 16u})
        for (const unsigned size : {0u, 11u, offset_bits == 16 ? 48u : 49u, 63u}) {
            TwoStageMachine machine(ste::Stage1, large());
            machine.context.set(cd::DS, 1).set(cd::TG0, support::encode_tg0(offset_bits)).set(cd::T0SZ, size);
            machine.start();
            EXPECT_EQ(machine.send(read(0)).event(), event::C_BAD_CD) << offset_bits << " " << size;
        }
}

TEST(SmmuStartLevels, UpperHalfFollowsItsOwnFields) {
    TwoStageMachine machine(ste::Stage1);
    constexpr u64 root = 0x8400'0000;
    machine.context.set(cd::EPD1, 0).set(cd::T1SZ, 22).set(cd::TG1, support::encode_tg1(16)).set(cd::TTB1, root);
    machine.start();
    machine.memory.put(root + 0x1FFF * 8, u64{0x8401'0003});
    machine.memory.put<u64>(0x8401'0000 + 0x1FFF * 8, page | first_bits | 3);
    EXPECT_EQ(machine.send(read(~u64{7})).address, page + 0xFFF8);
    EXPECT_EQ(machine.own_reads(), 4u);
}

// 8.4

struct SecondRow {
    unsigned offset_bits;
    u64 field, field_2;
    int start;
    unsigned from, to;  ///< S2T0SZ, 16 concatenated tables to one smallest table
    bool wide;          ///< S2DS only
};
const std::vector<SecondRow> second_rows{
    {12, 0, 1, -1, 12, 15, true}, {12, 2, 0, 0, 12, 24, false}, {12, 1, 0, 1, 21, 33, false},
    {12, 0, 0, 2, 30, 42, false}, {12, 3, 0, 3, 39, 48, false}, {14, 3, 0, 0, 12, 16, true},
    {14, 2, 0, 1, 13, 27, false}, {14, 1, 0, 2, 24, 38, false}, {14, 0, 0, 3, 35, 48, false},
    {16, 2, 0, 1, 12, 21, false}, {16, 1, 0, 2, 18, 34, false}, {16, 0, 0, 3, 31, 47, false}};

void expect_second(const SecondRow& row, unsigned size, const uarch::SmmuConfig& config, bool wide, bool legal) {
    TwoStageMachine machine(ste::Stage2, config);
    machine.second_tables(row.offset_bits, size, row.field, row.start);
    machine.entry.set(ste::S2SL0_2, row.field_2).set(ste::S2DS, wide);
    const u64 last = ((u64{1} << (64 - size)) - 1) & ~((u64{1} << row.offset_bits) - 1);
    machine.put_second(last, 3, page | second_bits | 3);
    machine.start();
    const Answer answer = machine.send(read(last));
    EXPECT_EQ(answer.event(), legal ? 0u : u64{event::C_BAD_STE})
        << row.offset_bits << " level " << row.start << " S2T0SZ " << size << " S2DS " << wide;
    if (!legal) return;
    EXPECT_EQ(answer.address, page);
    EXPECT_EQ(descriptor_reads(machine).size(), static_cast<std::size_t>(4 - row.start));
}

TEST(SmmuStartLevels, Stage2HasTheLevelsAndConcatenationsOfItsTable) {
    for (const SecondRow& row : second_rows)
        for (const bool wide : {false, true})
            for (unsigned size = 10; size <= 50; ++size) {
                bool legal = size >= row.from && size <= row.to && (wide || !row.wide);
                // Fewer than 16 needs S2DS, except with 64 KiB.
                if (size < 16 && row.offset_bits != 16 && !wide) legal = false;
                // S2SL0 = 00 of 4 KiB means level 2 when S2SL0_2 does not count: another row.
                if (row.field_2 != 0 && !wide) continue;
                expect_second(row, size, large(), wide, legal);
            }
}

TEST(SmmuStartLevels, Stage2SizesAbove39AndLevel3Of4KNeedSmallTables) {
    for (const SecondRow& row : second_rows) {
        if (row.wide) continue;
        for (unsigned size = 35; size <= 48; ++size) {
            const bool legal = size >= row.from && size <= row.to && size <= 39 && row.field != 3;
            expect_second(row, size, SmmuMachine::small_config(), false, legal);
        }
    }
}

TEST(SmmuStartLevels, Stage2InputsAreLimitedByTheIntermediateSize) {
    // OAS of 44 bits: S2T0SZ of at least 20.
    const uarch::SmmuConfig config = TwoStageMachine::with([](spec::Identification& id) { id.idr5.OAS = 4; });
    const SecondRow row{12, 2, 0, 0, 12, 24, false};
    expect_second(row, 19, config, false, false);
    expect_second(row, 20, config, false, true);
}

TEST(SmmuStartLevels, LargestStage2LevelsNeedALargeEnoughOutput) {
    struct Row {
        SecondRow level;
        unsigned size;
        u8 smallest;  ///< encoding of OAS
    };
    for (const Row& row : {Row{{12, 2, 0, 0, 0, 0, false}, 24, 4}, Row{{14, 2, 0, 1, 0, 0, false}, 27, 3},
                           Row{{16, 2, 0, 1, 0, 0, false}, 21, 4}, Row{{12, 0, 1, -1, 0, 0, true}, 12, 6},
                           Row{{14, 3, 0, 0, 0, 0, true}, 16, 6}})
        for (const u8 oas : {row.smallest, static_cast<u8>(row.smallest - 1)}) {
            uarch::SmmuConfig config = large();
            config.identification.idr5.OAS = oas;
            // With a smaller IAS the size itself is too large as well: either way the entry is illegal.
            expect_second(row.level, row.size, config, row.level.wide, oas == row.smallest);
        }
}

// 8.5

TEST(SmmuDescriptors, BlocksExistAtTheLevelsOfTheirGranuleOnly) {
    struct Row {
        unsigned offset_bits;
        int level;
        unsigned size_bits;
        bool plain, wide;  ///< legal with 48-bit and with 52-bit output addresses
    };
    for (const Row& row : {Row{12, 2, 21, true, true}, Row{12, 1, 30, true, true}, Row{12, 0, 39, false, true},
                           Row{14, 2, 25, true, true}, Row{14, 1, 36, false, true}, Row{14, 0, 47, false, false},
                           Row{16, 2, 29, true, true}, Row{16, 1, 42, false, true}})
        for (const bool wide : {false, true})
            for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
                if (row.offset_bits == 14 && row.level == 0 && !wide && configuration == ste::Stage2) continue;
                TwoStageMachine machine(configuration, wide ? large() : SmmuMachine::small_config());
                machine.context.set(cd::IPS, 6).set(cd::DS, wide && row.offset_bits != 16);
                machine.entry.set(ste::S2PS, 6).set(ste::S2DS, wide && row.offset_bits != 16);
                const int start = row.offset_bits == 12 || row.level == 0 ? 0 : 1;
                const u64 start_field = row.offset_bits == 14 && start == 0 ? 3 : 2;
                const u64 block = 1 | (configuration == ste::Stage1 ? first_bits : second_bits);
                const u64 input =
                    0x0000'5A5A'5A5A'5000 & ((u64{1} << (start == 1 && row.offset_bits == 14 ? 47 : 48)) - 1);
                if (configuration == ste::Stage1) {
                    machine.first_tables(row.offset_bits, start == 1 && row.offset_bits == 14 ? 17 : 16, start);
                    machine.put_first(input, row.level, block);
                } else {
                    machine.second_tables(row.offset_bits, start == 1 && row.offset_bits == 14 ? 17 : 16, start_field,
                                          start);
                    machine.put_second(input, row.level, block);
                }
                machine.start();
                const Answer answer = machine.send(read(input));
                const bool legal = wide ? row.wide : row.plain;
                EXPECT_EQ(answer.event(), legal ? 0u : u64{event::F_TRANSLATION})
                    << row.offset_bits << " level " << row.level << (wide ? " wide" : "");
                if (legal) {
                    EXPECT_EQ(answer.address, input & ((u64{1} << row.size_bits) - 1));
                }
            }
}

// 8.9

TEST(SmmuDescriptors, NestedWalkReadsAsManyDescriptorsAsTheFormulaSays) {
    // (m + 1)(n + 1) - 1, from the table for m stage 1 levels and n stage 2 levels.
    constexpr std::array<std::array<std::size_t, 5>, 5> expected{
        {{3, 5, 7, 9, 11}, {5, 8, 11, 14, 17}, {7, 11, 15, 19, 23}, {9, 14, 19, 24, 29}, {11, 17, 23, 29, 35}}};
    constexpr std::array<unsigned, 5> first_sizes{43, 34, 25, 16, 12};
    // A single level of stage 2 holds all tables only with 64 KiB and concatenation; two levels with concatenation.
    struct Second {
        unsigned offset_bits, size;
        u64 field, field_2;
        int start;
    };
    constexpr std::array<Second, 5> seconds{
        {{16, 31, 0, 0, 3}, {12, 30, 0, 0, 2}, {12, 25, 1, 0, 1}, {12, 16, 2, 0, 0}, {12, 12, 0, 1, -1}}};
    for (unsigned m = 1; m <= 5; ++m)
        for (unsigned n = 1; n <= 5; ++n) {
            TwoStageMachine machine(ste::Nested, large());
            machine.first_tables(12, first_sizes[m - 1], 4 - static_cast<int>(m));
            const Second& second = seconds[n - 1];
            machine.second_tables(second.offset_bits, second.size, second.field, second.start);
            machine.context.set(cd::DS, 1).set(cd::IPS, 6);
            machine.entry.set(ste::S2DS, second.offset_bits != 16).set(ste::S2SL0_2, second.field_2);
            machine.entry.set(ste::S2PS, 6);
            constexpr u64 input = 0x15'5000;
            const u64 mask = (u64{1} << second.offset_bits) - 1;
            for (const u64 own : {first_root, first_root + 0x10'0000, first_root + 0x10'1000, first_root + 0x10'2000,
                                  first_root + 0x10'3000, cd_address, page})
                machine.put_second(own, 3, ((own + storage) & ~mask) | second_bits | 3);
            machine.put_first(input, 3, page | first_bits | 3);
            machine.start();
            EXPECT_EQ(machine.send(read(input)).address, page + storage);
            // Those for the context descriptor do not belong to the walk.
            EXPECT_EQ(descriptor_reads(machine).size(), expected[m - 1][n - 1] + n) << m << " over " << n;
        }
}

TEST(SmmuDescriptors, BlocksShortenTheWalk) {
    TwoStageMachine machine;
    machine.put_first(address, 2, page | first_bits | 1);
    machine.put_second(page, 3, (page + storage + 0x16'7000) | second_bits | 3);
    machine.put_second(page + (address & 0x1F'FFFF), 3, (page + storage) | second_bits | 3);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).address, page + storage);
    // Three tables at 4 + 1 reads, 4 for the final address, 4 for the context descriptor.
    EXPECT_EQ(descriptor_reads(machine).size(), 3u * 5 + 4 + 4);
}

TEST(SmmuDescriptors, ColdNestedWalkWithTwoLevelConfigurationReads36Times) {
    constexpr u64 level1 = 0x4200'0000, level2 = 0x4201'0000, cds = 0x8880'0000;
    TwoStageMachine machine;
    machine.entry.set(ste::S1CDMax, 8).set(ste::S1Fmt, 1);
    machine.map();
    machine.put_second(cds, 3, (cds + storage) | 0x7FF);
    machine.start();
    machine.memory.put(level1, level2 | 7);
    machine.memory.write(level2 + 8 * 64, machine.entry.words().data(), 64);
    machine.memory.put(cd_address + storage, cds | 1);
    machine.memory.write(cds + storage + 5 * 64, machine.context.words().data(), 64);
    machine.use_stream_table(level1, u64{1} << 16 | 6 << 6 | 8);
    EXPECT_TRUE(machine.send(read(address).of_substream(5)).passed());
    EXPECT_EQ(machine.own_reads(), 36u);
}

}  // namespace
}  // namespace smmusim::test::chapter8_levels
