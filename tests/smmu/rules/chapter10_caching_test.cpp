// What is cached and under which tags (chapter 10.1 and 10.2 of the rules).
#include "smmu/rules/two_streams.hpp"

namespace smmusim::test::chapter10_caching {
namespace {

constexpr u32 stream = TwoStageMachine::stream;
constexpr u32 other = 9;  ///< a second stream
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
constexpr u16 vmid = 5, asid = 3;

// 10.1 Tags

TEST(SmmuCaching, StreamsOfEqualTagsShareTranslations) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2, ste::Nested}) {
        TwoStreams machine(configuration);
        machine.start();
        machine.reads(stream);
        // What is left is the configuration of the second stream: entry, and CD with 4 stage 2 reads if nested.
        machine.memory.log.clear();
        EXPECT_TRUE(machine.send(read(address + 8).of_stream(other)).passed());
        EXPECT_TRUE(machine.cached(other));
        EXPECT_TRUE(machine.cached(stream));
    }
}

/// Reads of tables when stream 9 repeats the access of stream 8, its configuration known.
template <class Change>
std::size_t walks_of_second_stream(TwoStreams& machine, Change change, u64 cr2 = 0b10) {
    machine.start(change, cr2);
    machine.map(address + 0x1000, first_leaf, second_leaf, page + 0x1000);
    machine.reads(other, address + 0x1000);  // brings in the configuration
    machine.reads(stream);
    return machine.reads(other);
}

TEST(SmmuCaching, TranslationsOfEl1AreTaggedByVmid) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2, ste::Nested}) {
        TwoStreams same(configuration), different(configuration);
        EXPECT_EQ(walks_of_second_stream(same, [](SteBuilder&, CdBuilder&) {}), 0u);
        EXPECT_GT(walks_of_second_stream(different, [](SteBuilder& entry, CdBuilder&) { entry.set(ste::S2VMID, 6); }),
                  0u);
    }
}

TEST(SmmuCaching, TranslationsOfEl1AreNotTaggedByVmidWithoutStage2) {
    TwoStreams machine(ste::Stage1, TwoStageMachine::with([](spec::Identification& id) { id.idr0.S2P = 0; }));
    EXPECT_EQ(walks_of_second_stream(machine, [](SteBuilder& entry, CdBuilder&) { entry.set(ste::S2VMID, 6); }), 0u);
}

TEST(SmmuCaching, TranslationsAreTaggedByAsidUnlessGlobal) {
    for (const bool global : {false, true}) {
        TwoStreams machine(ste::Stage1);
        if (global) machine.map(address, first_leaf & ~u64{0x800});
        const std::size_t walks =
            walks_of_second_stream(machine, [](SteBuilder&, CdBuilder& context) { context.set(cd::ASID, 4); });
        EXPECT_EQ(walks, global ? 0u : 4u);
    }
}

TEST(SmmuCaching, GlobalTranslationsAreTaggedByAset) {
    for (const bool differs : {false, true}) {
        TwoStreams machine(ste::Stage1);
        machine.map(address, first_leaf & ~u64{0x800});
        const std::size_t walks = walks_of_second_stream(
            machine, [&](SteBuilder&, CdBuilder& context) { context.set(cd::ASID, 4).set(cd::ASET, differs); });
        EXPECT_EQ(walks, differs ? 4u : 0u);
    }
}

TEST(SmmuCaching, TranslationsAreTaggedByStreamWorld) {
    for (const u64 e2h : {0, 1}) {
        TwoStreams machine(ste::Stage1);
        const std::size_t walks = walks_of_second_stream(
            machine, [](SteBuilder& entry, CdBuilder&) { entry.set(ste::STRW, 2); }, static_cast<u64>(e2h) | 0b10);
        EXPECT_EQ(walks, 4u) << e2h;
    }
}

TEST(SmmuCaching, TranslationsOfEl2HaveNoAsidAndThoseOfEl2E2hDo) {
    for (const u64 e2h : {0, 1}) {
        TwoStreams machine(ste::Stage1);
        machine.entry.set(ste::STRW, 2);
        const std::size_t walks = walks_of_second_stream(
            machine, [](SteBuilder&, CdBuilder& context) { context.set(cd::ASID, 4); }, static_cast<u64>(e2h) | 0b10);
        EXPECT_EQ(walks, e2h == 0 ? 0u : 4u);
    }
}

TEST(SmmuCaching, TranslationsOfEl2HaveNoVmid) {
    TwoStreams machine(ste::Stage1);
    machine.entry.set(ste::STRW, 2);
    EXPECT_EQ(walks_of_second_stream(machine, [](SteBuilder& entry, CdBuilder&) { entry.set(ste::S2VMID, 6); }), 0u);
}

TEST(SmmuCaching, ContextDescriptorsAreTaggedByStreamAndSubstream) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3);
    machine.map();
    machine.start();
    for (u32 substream = 1; substream < 4; ++substream) {
        CdBuilder context = machine.context;
        context.set(cd::ASID, substream).set(cd::EPD0, substream == 3);
        machine.memory.write(cd_address + u64{substream} * 64, context.words().data(), 64);
    }
    for (int round = 0; round < 2; ++round) {
        EXPECT_TRUE(machine.send(read(address).of_substream(1)).passed());
        EXPECT_TRUE(machine.send(read(address).of_substream(2)).passed());
        EXPECT_EQ(machine.send(read(address).of_substream(3)).event(), event::F_TRANSLATION);
    }
    EXPECT_EQ(machine.memory.reads(cd_address + 64, 192), 3u) << "one each";
}

TEST(SmmuCaching, BypassNeedsNoTranslation) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    machine.send(read(address));
    machine.execute({command::nsnh_all(), command::el2_all()});
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address + 0x10'0000)).passed());
    EXPECT_EQ(machine.own_reads(), 0u);
}

// 10.2 What may be cached

TEST(SmmuCaching, FetchesThatFailedAreNotRemembered) {
    for (const u64 where : {SmmuMachine::strtab + stream * 64, cd_address + storage}) {
        TwoStageMachine machine;
        machine.map();
        machine.start();
        machine.memory.fail(where, 64);
        EXPECT_NE(machine.send(read(address)).event(), 0u);
        machine.memory.repair();
        EXPECT_TRUE(machine.send(read(address)).passed());
    }
}

TEST(SmmuCaching, Stage2FaultOfADescriptorFetchIsNotRemembered) {
    TwoStageMachine machine;
    machine.map();
    machine.put_second(cd_address, 3, 0);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).event(), event::F_TRANSLATION);
    machine.put_second(cd_address, 3, (cd_address + storage) | second_leaf);
    EXPECT_TRUE(machine.send(read(address)).passed());
}

TEST(SmmuCaching, TranslationFaultsAreNeverCached) {
    constexpr u64 beyond = u64{1} << 41;
    for (const u64 configuration : {ste::Stage1, ste::Stage2})
        for (const u64 change : {u64{1}, beyond, u64{0x400}}) {  // invalid, address size, access flag
            TwoStageMachine machine(configuration);
            machine.context.set(cd::IPS, 2);
            machine.entry.set(ste::S2PS, 2);
            machine.map();
            machine.start();
            const u64 where = configuration == ste::Stage1 ? machine.first_descriptor(address, 3)
                                                           : machine.second_descriptor(address, 3);
            const u64 good = machine.memory.u64_at(where);
            machine.memory.put(where, good ^ change);
            EXPECT_NE(machine.send(read(address)).event(), 0u);
            machine.memory.put(where, good);
            EXPECT_TRUE(machine.send(read(address)).passed()) << "without any invalidation";
        }
}

TEST(SmmuCaching, NothingIsCachedWhileTheSmmuIsOff) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.write_structures();
    machine.bring_up(false);
    machine.write32(0x44, 0x8000'1000);
    machine.run();
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address)).passed());
    machine.execute({});
    EXPECT_EQ(machine.own_reads(), 0u);
    machine.write32(0x20, 0b1101);
    machine.run();
    EXPECT_EQ(machine.send(read(address)).address, page);
    EXPECT_EQ(machine.own_reads(), 6u) << "everything is read anew";
}

TEST(SmmuCaching, ResetEmptiesTheCaches) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    machine.send(read(address));
    machine.simulation.scheduler().clear();
    machine.smmu.reset();
    machine.bring_up();
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.own_reads(), 6u);
}

TEST(SmmuCaching, SwitchingOffInvalidatesNothing) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    machine.send(read(address));
    machine.write32(0x20, 0b1100);
    machine.run();
    machine.write32(0x20, 0b1101);
    machine.run();
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.own_reads(), 0u);
}

TEST(SmmuCaching, InvalidationsWorkWhileTheSmmuIsOff) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    machine.send(read(address));
    machine.write32(0x20, 0b1100);
    machine.run();
    machine.execute({command::cfgi_all(), command::nsnh_all()});
    machine.write32(0x20, 0b1101);
    machine.run();
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.own_reads(), 6u);
}

TEST(SmmuCaching, ConfigurationAndTranslationsAreInvalidatedIndependently) {
    TwoStreams machine(ste::Stage1);
    machine.start();
    machine.reads(other);
    machine.reads();
    machine.execute({command::cfgi_ste(other)});
    EXPECT_TRUE(machine.cached(stream)) << "the translation, which both streams share, stays";
    machine.execute({command::nsnh_all()});
    EXPECT_EQ(machine.reads(), 4u) << "four descriptors; the configuration stays";
}

TEST(SmmuCaching, InvalidEntriesMayBeCachedUntilTheyAreInvalidated) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.entry.set(ste::V, 0);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).event(), event::C_BAD_STE);
    machine.entry.set(ste::V, 1);
    machine.write_structures();
    machine.execute({command::cfgi_ste(stream)});
    EXPECT_TRUE(machine.send(read(address)).passed());
}

TEST(SmmuCaching, EntriesThatWillGiveAPermissionFaultServeWhatTheyPermit) {
    TwoStageMachine machine(ste::Stage1);
    machine.map(address, first_leaf | 0x80);
    machine.start();
    EXPECT_EQ(machine.send(write(address)).event(), event::F_PERMISSION);
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.send(write(address)).event(), event::F_PERMISSION);
    // Once software has made the page writable and invalidated it, writes pass.
    machine.put_first(address, 3, page | first_leaf);
    machine.execute({command::nh_va(vmid, asid, address)});
    EXPECT_TRUE(machine.send(write(address)).passed());
}

}  // namespace
}  // namespace smmusim::test::chapter10_caching
