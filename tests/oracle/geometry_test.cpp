// Sizes and alignments: start tables, blocks, contiguous runs, limits of addresses.
#include "oracle/fixture.hpp"

namespace smmusim::oracle {
namespace {

/// Stage 1 alone with everything adjustable; tables are built for it.
class Geometry : public Oracle {
protected:
    Geometry() {
        only(ste::Stage1);
        words.clear();
    }

    void shape(unsigned offset_bits, unsigned size, int start_level) {
        context.set(cd::TG0, support::encode_tg0(offset_bits)).set(cd::T0SZ, size);
        offset_bits_ = offset_bits;
        start_level_ = start_level;
    }
    void wide(bool descriptors_too) {
        identity.OAS = 6;
        identity.VAX = 1;
        identity.DS = descriptors_too;
        context.set(cd::IPS, 6).set(cd::DS, descriptors_too);
    }
    Outcome leaf_at(int level, u64 bits = 0) {
        words.clear();
        support::TableBuilder tables(words, offset_bits_, start_level_, 0x4000'0000, 0x4100'0000);
        tables.put(0, level, 0x740 | (level == 3 ? 0b11u : 0b01u) | bits);
        transaction.address = 0x123;
        return run();
    }

private:
    unsigned offset_bits_ = 12;
    int start_level_ = 0;
};

TEST_F(Geometry, BlocksExistAtTheLevelsOfTheirGranule) {
    struct Row {
        unsigned offset_bits, size;
        int start_level;
        bool wide, long_descriptors;
        std::vector<int> levels;
    };
    for (const Row& row : {Row{12, 16, 0, false, false, {1, 2, 3}},
                           {12, 16, 0, true, false, {1, 2, 3}},
                           {12, 16, 0, true, true, {0, 1, 2, 3}},
                           {12, 12, -1, true, true, {0, 1, 2, 3}},
                           {14, 16, 0, false, false, {2, 3}},
                           {14, 16, 0, true, true, {1, 2, 3}},
                           {16, 16, 1, false, false, {2, 3}},
                           {16, 16, 1, true, false, {1, 2, 3}}}) {
        identity = {};
        context.set(cd::IPS, 5).set(cd::DS, 0);
        if (row.wide) wide(row.long_descriptors);
        shape(row.offset_bits, row.size, row.start_level);
        for (int level = row.start_level; level <= 3; ++level) {
            const bool exists = std::count(row.levels.begin(), row.levels.end(), level) != 0;
            const Outcome outcome = leaf_at(level);
            EXPECT_EQ(outcome.verdict == Verdict::Translated, exists)
                << row.offset_bits << " bits, level " << level << "\n"
                << describe(outcome);
            if (exists) {
                EXPECT_EQ(outcome.stage1_level, level);
                EXPECT_EQ(outcome.span,
                          u64{1} << (row.offset_bits + (3 - static_cast<unsigned>(level)) * (row.offset_bits - 3)));
            }
        }
    }
}

TEST_F(Geometry, ContiguousRunsHaveTheSizesOfTheManual) {
    constexpr u64 contiguous = u64{1} << 52;
    struct Row {
        unsigned offset_bits;
        int level;
        u64 span;
    };
    wide(true);
    for (const Row& row : {Row{12, 3, 64 * KiB},
                           {12, 2, 32 * MiB},
                           {12, 1, 16 * GiB},
                           {12, 0, 512 * GiB},
                           {14, 3, 2 * MiB},
                           {14, 2, 1 * GiB},
                           {14, 1, 64 * GiB},
                           {16, 3, 2 * MiB},
                           {16, 2, 16 * GiB},
                           {16, 1, 4096 * GiB}}) {
        shape(row.offset_bits, 16, row.offset_bits == 16 ? 1 : 0);
        EXPECT_EQ(leaf_at(row.level, contiguous).span, row.span) << row.offset_bits << " bits, level " << row.level;
    }
}

TEST_F(Geometry, ContiguousRunLargerThanTheInputRangeIsIgnored) {
    shape(12, 39, 2);  // 32 MiB: a run of blocks just fits
    EXPECT_EQ(leaf_at(2, u64{1} << 52).span, 32 * MiB);
    identity.STT = 1;
    shape(12, 40, 2);
    EXPECT_EQ(leaf_at(2, u64{1} << 52).span, 2 * MiB);
}

TEST_F(Geometry, StartTableIsAlignedToItsSize) {
    shape(12, 28, 1);  // 64 entries
    context.set(cd::TTB0, 0x4000'0000 + 0x1f0);
    EXPECT_EQ(leaf_at(1).reads.back().address, 0x4000'0000u);
    context.set(cd::TTB0, 0x4000'0000 + 0x200);
    EXPECT_EQ(leaf_at(1).reads.back().address, 0x4000'0200u);
}

TEST_F(Geometry, StartTableOfFewEntriesIsAlignedTo64BytesWithWideAddresses) {
    shape(12, 33, 1);  // two entries
    context.set(cd::TTB0, 0x4000'0030);
    EXPECT_EQ(leaf_at(1).reads.back().address, 0x4000'0030u);
    wide(true);
    EXPECT_EQ(leaf_at(1).reads.back().address, 0x4000'0000u);
}

TEST_F(Geometry, AddressesAboveTheOutputSizeAreFaults) {
    for (const auto& [encoding, bits] : {std::pair{0u, 32u}, {1u, 36u}, {2u, 40u}, {3u, 42u}, {4u, 44u}}) {
        context.set(cd::IPS, encoding);
        EXPECT_EQ(leaf_at(3, (u64{1} << bits) - 0x1000).verdict, Verdict::Translated) << bits;
        EXPECT_EQ(leaf_at(3, u64{1} << bits).event->get(event::number), event::F_ADDR_SIZE) << bits;
    }
    // IPS is capped by what there is.
    context.set(cd::IPS, 5);
    identity.OAS = 4;
    EXPECT_EQ(leaf_at(3, u64{1} << 44).event->get(event::number), event::F_ADDR_SIZE);
}

TEST_F(Geometry, High64KibAddressBitsAreCheckedOnlyWhereTheyExist) {
    shape(16, 16, 1);
    EXPECT_EQ(leaf_at(3, 0xf000).verdict, Verdict::Translated) << "bits 15:12 mean nothing at 48 bits";
    wide(false);
    EXPECT_EQ(leaf_at(3, 0xf000).pa, u64{0xf} << 48 | 0x123);
    context.set(cd::IPS, 5);
    EXPECT_EQ(leaf_at(3, 0x1000).event->get(event::number), event::F_ADDR_SIZE);
}

TEST_F(Geometry, TableBaseMustBeAnAddress) {
    wide(false);
    context.set(cd::TTB0, u64{1} << 48);
    EXPECT_EQ(event_number(), event::C_BAD_CD) << "4 KiB without DS knows 48 bits, whatever IPS says";
    shape(16, 16, 1);
    EXPECT_NE(event_number(), event::C_BAD_CD);
    shape(12, 16, 0);
    identity.DS = 1;
    context.set(cd::DS, 1);
    EXPECT_NE(event_number(), event::C_BAD_CD);
    only(ste::Stage2);
    entry.set(ste::S2TTB, u64{1} << 48).set(ste::S2PS, 6);
    EXPECT_EQ(event_number(), event::C_BAD_STE);
    entry.set(ste::S2DS, 1);
    EXPECT_NE(event_number(), event::C_BAD_STE);
}

TEST_F(Geometry, StartLevelOfStage2NeedsALargeEnoughAddressSpace) {
    struct Row {
        unsigned offset_bits, start, smallest_oas, size;
    };
    only(ste::Stage2);
    // The smallest input ranges of each start level.
    for (const Row& row : {Row{12, 2, 44, 24}, {14, 2, 42, 27}, {16, 2, 44, 21}, {12, 1, 40, 25}, {14, 1, 40, 27}}) {
        entry.set(ste::S2TG, support::encode_tg0(row.offset_bits)).set(ste::S2SL0, row.start).set(ste::S2PS, 5);
        entry.set(ste::S2T0SZ, row.size).set(ste::S2TTB, 0x4000'0000);
        for (const unsigned bits : {36u, 40u, 42u, 44u, 48u}) {
            identity.OAS = static_cast<unsigned>(support::encode_address_size(bits));
            EXPECT_EQ(event_number() != event::C_BAD_STE, bits >= row.smallest_oas)
                << row.offset_bits << " bits, start " << row.start << ", OAS " << bits;
        }
    }
}

TEST_F(Geometry, ContextTablesAreAlignedAndInsideTheAddressSpace) {
    transaction.substream = 0;
    entry.set(ste::S1CDMax, 4).set(ste::S1ContextPtr, cd_table + 64);
    EXPECT_EQ(run().reads[1].address, cd_table);
    entry.set(ste::S1Fmt, 1).set(ste::S1CDMax, 10).set(ste::S1ContextPtr, cd_table + 64);
    words[cd_table] = 1 | u64{1} << 48;
    context = {};
    place(cd_table, context);
    const auto number = [&] {
        place(stream_table + 64 * 3, entry);
        Memory memory;
        memory.read = [&](u64 at) -> std::optional<u64> { return at == cd_table ? 1 | u64{1} << 48 : words[at]; };
        memory.write = [](u64, u64) { return true; };
        const Outcome outcome = translate(identity, registers, memory, transaction);
        EXPECT_EQ(outcome.reads[1].address, cd_table) << "16 first-level entries are aligned to 128 bytes";
        return outcome.event->get(event::number);
    };
    EXPECT_EQ(number(), event::C_BAD_SUBSTREAMID);
    identity.OAS = 6;
    EXPECT_EQ(number(), event::C_BAD_CD);
}

}  // namespace
}  // namespace smmusim::oracle
