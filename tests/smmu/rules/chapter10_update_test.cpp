// What acts on each transaction, and what an update of tables and structures needs (chapter 10.3 to 10.5 of the
// rules).
#include "smmu/rules/two_streams.hpp"

namespace smmusim::test::chapter10_update {
namespace {

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u16 vmid = 5, asid = 3;

// 10.3 What acts on each transaction and not on the entry

TEST(SmmuCaching, OverridesActOnEachTransactionWithoutInvalidationOfTranslations) {
    TwoStageMachine machine(ste::Stage1);
    machine.map(address, first_leaf & ~u64{0x40});  // privileged only
    machine.start();
    EXPECT_TRUE(machine.send(read(address).with_privilege()).passed());
    EXPECT_FALSE(machine.send(read(address)).passed());
    machine.entry.set(ste::PRIVCFG, 3);
    machine.write_structures();
    machine.execute({command::cfgi_ste(stream)});
    EXPECT_TRUE(machine.send(read(address)).passed());
}

TEST(SmmuCaching, RecordAndAbortFlagsNeedNoInvalidationOfTranslations) {
    TwoStageMachine machine(ste::Stage1);
    machine.map(address, first_leaf | 0x80);
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    machine.context.set(cd::R, 0).set(cd::A, 0);
    machine.write_structures();
    machine.execute({command::cfgi_cd(stream)});
    const Answer answer = machine.send(write(address));
    EXPECT_EQ(answer.status, sim::Status::Discarded);
    EXPECT_TRUE(answer.events.empty());
}

TEST(SmmuCaching, ChangeOfATlbCacheableFieldWorksAfterBothInvalidations) {
    // T0SZ, TTB0 and MAIR sit in translations.
    TwoStreams machine(ste::Stage1);
    machine.start();
    machine.reads();
    constexpr u64 root = 0x8600'0000;
    support::Words words;
    support::TableBuilder tables(words, 12, 1, root, root + 0x1000);
    tables.put(address, 3, (page + 0x5000) | first_leaf);
    for (const auto& [at, value] : words) machine.memory.put(at, value);
    machine.context.set(cd::T0SZ, 25).set(cd::TTB0, root).set(cd::MAIR0, 0x44);
    machine.write_structures();
    machine.execute({command::cfgi_cd(stream)});
    machine.execute({command::nh_asid(vmid, asid)});
    const Answer answer = machine.send(read(address));
    EXPECT_EQ(answer.address, page + 0x5000);
    EXPECT_EQ(answer.attributes.memory.outer, sim::Cacheability::NonCacheable);
}

// 10.4

TEST(SmmuCaching, OverlappingEntriesAreReplacedAndNeverAConflict) {
    // BBML 2: software changes the size of a mapping without break-before-make.
    TwoStageMachine machine(ste::Stage1);
    constexpr u64 block = address & ~u64{0x1F'FFFF};
    for (u64 offset = 0; offset < 0x4000; offset += 0x1000)
        machine.put_first(block + offset, 3, (page + offset) | first_leaf);
    machine.start();
    EXPECT_EQ(machine.read32(0x0C) >> 11 & 3, 2u) << "IDR3.BBML";
    EXPECT_TRUE(machine.send(read(block)).passed());
    // Pages 0 and 1 are known; the block maps to the same place.
    machine.memory.put(machine.first_descriptor(block, 2), page | (first_leaf & ~u64{2}));
    EXPECT_EQ(machine.send(read(block + 0x3000)).address, page + 0x3000) << "brings in the block";
    for (u64 offset = 0; offset < 0x6000; offset += 0x1000) {
        const Answer answer = machine.send(read(block + offset));
        EXPECT_EQ(answer.address, page + offset);
        EXPECT_TRUE(answer.events.empty());
    }
    machine.memory.put(machine.first_descriptor(block, 2), u64{0});
    machine.execute({command::nh_va(vmid, asid, block)});
    for (u64 offset = 0; offset < 0x1000; offset += 0x1000)
        EXPECT_EQ(machine.send(read(block + offset)).event(), event::F_TRANSLATION);
}

// 10.5

TEST(SmmuCaching, ChangeOfTheAsidNeedsTheInvalidationOfTheDescriptorOnly) {
    TwoStreams machine(ste::Stage1);
    machine.start();
    machine.reads();
    machine.context.set(cd::ASID, 7);
    machine.write_structures();
    machine.execute({command::cfgi_cd(stream)});
    machine.execute({command::nh_asid(vmid, asid)});
    EXPECT_EQ(machine.reads(), 5u) << "CD and walk: the old translation does not match the new tag";
}

TEST(SmmuCaching, ChangeOfTheStreamWorldStopsMatchingOldTranslations) {
    TwoStreams machine(ste::Stage1);
    machine.start();
    machine.reads();
    machine.entry.set(ste::STRW, 2);
    machine.write_structures();
    machine.execute({command::cfgi_ste(stream)});
    EXPECT_EQ(machine.reads(), 6u);
}

TEST(SmmuCaching, LevelOneDescriptorNeedsAnInvalidationWithoutLeaf) {
    constexpr u64 level1 = 0x4200'0000, level2 = 0x4201'0000;
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    machine.use_stream_table(level1, u64{1} << 16 | 6 << 6 | 8);
    EXPECT_EQ(machine.send(read(address)).event(), event::C_BAD_STREAMID);
    machine.memory.write(level2 + stream * 64, machine.entry.words().data(), 64);
    machine.memory.put(level1, level2 | 7);
    machine.execute({command::cfgi_ste(stream, false)});
    EXPECT_TRUE(machine.send(read(address)).passed());
}

TEST(SmmuCaching, EntryWrittenWithItsValidBitLastWorksAfterInvalidation) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.entry.set(ste::V, 0);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).event(), event::C_BAD_STE);
    machine.execute({command::cfgi_ste(stream)});
    machine.entry.set(ste::V, 1);
    machine.memory.put(SmmuMachine::strtab + stream * 64, machine.entry.words()[0]);
    machine.execute({command::cfgi_ste(stream)});
    EXPECT_TRUE(machine.send(read(address)).passed());
}

}  // namespace
}  // namespace smmusim::test::chapter10_update
