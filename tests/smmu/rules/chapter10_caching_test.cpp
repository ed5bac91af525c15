// What is cached under which tags, and what an invalidation reaches (chapter 10 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test {
namespace {

constexpr u32 stream = TwoStageMachine::stream;
constexpr u32 other = 9;  ///< a second stream
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 other_cd = cd_address + 0x40'0000;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
constexpr u16 vmid = 5, asid = 3;

/// Two streams over the same tables; stream 9 differs from stream 8 in what the test changes.
class TwoStreams : public TwoStageMachine {
public:
    explicit TwoStreams(u64 configuration, const uarch::SmmuConfig& config = small_config())
        : TwoStageMachine(configuration, config) {
        map();
    }
    template <class Change>
    TwoStreams& start(Change change, u64 cr2 = 0b10) {
        put_second(other_cd, 3, (other_cd + storage) | second_leaf);
        TwoStageMachine::start(cr2);
        SteBuilder second_entry = entry;
        CdBuilder second_context = context;
        second_entry.set(ste::S1ContextPtr, other_cd);
        change(second_entry, second_context);
        memory.write(strtab + u64{other} * 64, second_entry.words().data(), 64);
        memory.write(stored(other_cd), second_context.words().data(), 64);
        return *this;
    }
    TwoStreams& start() {
        return start([](SteBuilder&, CdBuilder&) {});
    }
    /// Table and structure reads of one access that must pass.
    std::size_t reads(u32 id = stream, u64 where = TwoStageMachine::address) {
        memory.log.clear();
        EXPECT_TRUE(send(test::read(where).of_stream(id)).passed());
        return own_reads();
    }
    bool cached(u32 id = stream, u64 where = TwoStageMachine::address) { return reads(id, where) == 0; }
};

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
}  // namespace smmusim::test
