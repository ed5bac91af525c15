// Which cached structures and translations each command removes, and which it must leave to others (chapter 10.1 of
// the rules, with the commands of chapter 5.2 and 5.3).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter10_scope {
namespace {

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
constexpr u64 global_page = address + 0x1000;  ///< nG = 0
constexpr u64 far_page = address + 0x40'0000'0000;

/// What a machine caches of two pages of an EL1 stream (VMID 5, ASID 3), a stream of the given world.
class Cached : public TwoStageMachine {
public:
    explicit Cached(u64 configuration, u64 world = 0, u64 cr2 = 0b10, const uarch::SmmuConfig& config = small_config())
        : TwoStageMachine(configuration, config) {
        entry.set(ste::STRW, world);
        map();
        map(global_page, first_leaf & ~u64{0x800}, second_leaf, page + 0x1000);
        map(far_page, first_leaf, second_leaf, page + 0x2000);
        start(cr2);
        for (const u64 where : {address, global_page, far_page}) EXPECT_TRUE(send(test::read(where)).passed());
    }
    /// Removed by the command: the near page, the global page, the far page.
    std::string removed(const command::Words& words) {
        execute({words});
        std::string text;
        for (const u64 where : {address, global_page, far_page}) {
            memory.log.clear();
            EXPECT_TRUE(send(test::read(where)).passed());
            text += own_reads() != 0 ? 'x' : '-';
        }
        return text;
    }
};
std::string removed(u64 configuration, const command::Words& words, u64 world = 0, u64 cr2 = 0b10) {
    Cached machine(configuration, world, cr2);
    return machine.removed(words);
}
constexpr u64 el2 = 2;
constexpr u64 with_e2h = 0b11;

TEST(SmmuInvalidationScope, NhVaRemovesWhatStage2CutsOutOfTheLeafOfItsAddress) {
    // A block of stage 1 on pages of stage 2: a driver without ranges names the block once.
    constexpr u64 block = 0x12'3460'0000;
    for (const bool leaves : {false, true})
        for (const bool leaf : {false, true}) {
            uarch::SmmuConfig config = SmmuMachine::small_config();
            if (leaves) {  // the TCU knows the page, not the TBU
                config.tbus[0].tlb.entries = config.tbus[0].utlb.entries = 0;
                config.tcu.walk_cache = {.entries = 64, .ways = 4};
                config.tcu.walk_cache_leaves = true;
            }
            TwoStageMachine machine(ste::Nested, config);
            machine.put_first(block, 2, page | 0xF41);
            for (const u64 offset : {u64{0}, u64{0x5000}, u64{0x1F'F000}})
                machine.put_second(page + offset, 3, (page + offset + TwoStageMachine::storage) | second_leaf);
            machine.map();
            machine.start();
            for (const u64 where : {block + 0x5000, block + 0x1F'F000, address})
                EXPECT_TRUE(machine.send(read(where)).passed());
            machine.execute({command::nh_va(5, 3, block, leaf)});
            const auto known = [&](u64 where) {
                machine.memory.log.clear();
                EXPECT_TRUE(machine.send(read(where)).passed());
                return machine.own_reads() == 0;
            };
            EXPECT_FALSE(known(block + 0x5000));
            EXPECT_FALSE(known(block + 0x1F'F000));
            EXPECT_TRUE(known(address));
        }
}

// Translations of EL1. Columns: ASID 3, global, ASID 3 at another address.

TEST(SmmuInvalidationScope, NhAllRemovesEveryStage1EntryOfItsVmid) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        EXPECT_EQ(removed(configuration, command::nh_all(5)), "xxx");
        EXPECT_EQ(removed(configuration, command::nh_all(6)), "---");
    }
}

TEST(SmmuInvalidationScope, NhAsidRemovesNonGlobalEntriesOfItsAsid) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        EXPECT_EQ(removed(configuration, command::nh_asid(5, 3)), "x-x");
        EXPECT_EQ(removed(configuration, command::nh_asid(5, 4)), "---");
        EXPECT_EQ(removed(configuration, command::nh_asid(6, 3)), "---");
    }
}

TEST(SmmuInvalidationScope, NhVaRemovesItsAddressOfTheAsidOrGlobal) {
    for (const u64 configuration : {ste::Stage1, ste::Nested})
        for (const bool leaf : {false, true}) {
            EXPECT_EQ(removed(configuration, command::nh_va(5, 3, address, leaf)), "x--");
            EXPECT_EQ(removed(configuration, command::nh_va(5, 4, address, leaf)), "---");
            EXPECT_EQ(removed(configuration, command::nh_va(5, 4, global_page, leaf)), "-x-");
            EXPECT_EQ(removed(configuration, command::nh_va(6, 3, address, leaf)), "---");
            EXPECT_EQ(removed(configuration, command::nh_va(5, 3, far_page, leaf)), "--x");
        }
}

TEST(SmmuInvalidationScope, NhVaaRemovesItsAddressOfAnyAsid) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        EXPECT_EQ(removed(configuration, command::nh_vaa(5, address)), "x--");
        EXPECT_EQ(removed(configuration, command::nh_vaa(5, global_page)), "-x-");
        EXPECT_EQ(removed(configuration, command::nh_vaa(6, address)), "---");
    }
}

TEST(SmmuInvalidationScope, S12VmallRemovesAllStagesOfItsVmid) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2, ste::Nested}) {
        EXPECT_EQ(removed(configuration, command::s12_vmall(5)), "xxx");
        EXPECT_EQ(removed(configuration, command::s12_vmall(6)), "---");
    }
}

TEST(SmmuInvalidationScope, S2IpaRemovesItsAddressOfStage2Alone) {
    EXPECT_EQ(removed(ste::Stage2, command::s2_ipa(5, address)), "x--");
    EXPECT_EQ(removed(ste::Stage2, command::s2_ipa(5, far_page)), "--x");
    EXPECT_EQ(removed(ste::Stage2, command::s2_ipa(6, address)), "---");
    EXPECT_EQ(removed(ste::Stage1, command::s2_ipa(5, address)), "---");
}

TEST(SmmuInvalidationScope, S2IpaFollowedByNhAllRemovesCombinedEntries) {
    Cached machine(ste::Nested);
    machine.execute({command::s2_ipa(5, page)});
    EXPECT_EQ(machine.removed(command::nh_all(5)), "xxx");
}

TEST(SmmuInvalidationScope, NsnhAllRemovesEverythingThatIsNotOfEl2) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2, ste::Nested})
        EXPECT_EQ(removed(configuration, command::nsnh_all()), "xxx");
    EXPECT_EQ(removed(ste::Stage1, command::nsnh_all(), el2), "---");
    EXPECT_EQ(removed(ste::Stage1, command::nsnh_all(), el2, with_e2h), "---");
}

TEST(SmmuInvalidationScope, CommandsOfStage1LeaveStage2AloneStreams) {
    for (const command::Words& words :
         {command::nh_all(5), command::nh_asid(5, 3), command::nh_va(5, 3, address), command::nh_vaa(5, address)})
        EXPECT_EQ(removed(ste::Stage2, words), "---");
}

TEST(SmmuInvalidationScope, CommandsOfEl1LeaveEl2) {
    for (const u64 cr2 : {0b10, 0b11})
        for (const command::Words& words :
             {command::nh_all(0), command::nh_asid(0, 3), command::nh_va(0, 3, address), command::nh_vaa(0, address),
              command::s12_vmall(0), command::nh_all(5), command::s12_vmall(5)})
            EXPECT_EQ(removed(ste::Stage1, words, el2, static_cast<u64>(cr2)), "---");
}

// Translations of EL2 and EL2-E2H.

TEST(SmmuInvalidationScope, El2AllRemovesBothWorldsOfEl2AndLeavesEl1) {
    EXPECT_EQ(removed(ste::Stage1, command::el2_all(), el2), "xxx");
    EXPECT_EQ(removed(ste::Stage1, command::el2_all(), el2, with_e2h), "xxx");
    EXPECT_EQ(removed(ste::Stage1, command::el2_all()), "---");
    EXPECT_EQ(removed(ste::Nested, command::el2_all()), "---");
}

TEST(SmmuInvalidationScope, El2AsidRemovesNonGlobalEntriesOfEl2E2h) {
    EXPECT_EQ(removed(ste::Stage1, command::el2_asid(3), el2, with_e2h), "x-x");
    EXPECT_EQ(removed(ste::Stage1, command::el2_asid(4), el2, with_e2h), "---");
    EXPECT_EQ(removed(ste::Stage1, command::el2_asid(3)), "---") << "EL1";
}

TEST(SmmuInvalidationScope, El2VaMatchesTheAsidWithE2hAndIgnoresItWithout) {
    EXPECT_EQ(removed(ste::Stage1, command::el2_va(3, address), el2, with_e2h), "x--");
    EXPECT_EQ(removed(ste::Stage1, command::el2_va(4, address), el2, with_e2h), "---");
    EXPECT_EQ(removed(ste::Stage1, command::el2_va(4, global_page), el2, with_e2h), "-x-");
    EXPECT_EQ(removed(ste::Stage1, command::el2_va(4, address), el2), "x--");
    EXPECT_EQ(removed(ste::Stage1, command::el2_va(3, address)), "---") << "EL1";
}

TEST(SmmuInvalidationScope, El2VaaRemovesItsAddressOfAnyAsid) {
    EXPECT_EQ(removed(ste::Stage1, command::el2_vaa(address), el2, with_e2h), "x--");
    EXPECT_EQ(removed(ste::Stage1, command::el2_vaa(far_page), el2), "--x");
    EXPECT_EQ(removed(ste::Stage1, command::el2_vaa(address)), "---") << "EL1";
}

TEST(SmmuInvalidationScope, VmidIsComparedUnderTheWildcardOfCr0) {
    for (u64 vmw = 0; vmw < 8; ++vmw)
        for (const unsigned differing : {0u, 1u, 3u, 4u, 5u}) {
            Cached machine(ste::Stage1);
            machine.write32(0x20, 0b1101 | vmw << 6);
            machine.run();
            // The bit that differs is ignored if it lies below the wildcard; 5 to 7 behave as 0.
            const bool matches = vmw <= 4 && differing < vmw;
            EXPECT_EQ(machine.removed(command::nh_all(static_cast<u16>(5 ^ 1u << differing))), matches ? "xxx" : "---")
                << vmw << " " << differing;
        }
}

// Structures.

/// Reads of structures when four streams repeat an access; each has its own entry and its own CD.
class Structures : public TwoStageMachine {
public:
    static constexpr std::array<u32, 4> streams{8, 9, 11, 16};
    Structures() : TwoStageMachine(ste::Stage1) {
        entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 2);
        map();
        start();
        for (const u32 id : streams) {
            memory.write(strtab + u64{id} * 64, entry.words().data(), 64);
            for (const u32 substream : {1u, 2u})
                memory.write(cd_address + u64{substream} * 64, context.words().data(), 64);
        }
        touch();
    }
    /// Per stream: s if the entry was read, c for each CD of substreams 1 and 2, - if nothing.
    std::string touch() {
        std::string text;
        for (const u32 id : streams) {
            memory.log.clear();
            for (const u32 substream : {1u, 2u})
                EXPECT_TRUE(send(test::read(TwoStageMachine::address).of_stream(id).of_substream(substream)).passed());
            if (memory.reads(strtab + u64{id} * 64, 64) != 0) text += 's';
            for (const u32 substream : {1u, 2u})
                if (memory.reads(cd_address + u64{substream} * 64, 64) != 0) text += static_cast<char>('0' + substream);
            text += '.';
        }
        return text;
    }
    std::string removed(const command::Words& words) {
        execute({words});
        return touch();
    }
};

TEST(SmmuInvalidationScope, CfgiSteRemovesTheEntryWithItsContextDescriptors) {
    for (const bool leaf : {false, true}) {
        Structures machine;
        EXPECT_EQ(machine.removed(command::cfgi_ste(9, leaf)), ".s12...");
    }
}

TEST(SmmuInvalidationScope, CfgiSteRangeRemovesAnAlignedBlockOfStreams) {
    Structures machine;
    EXPECT_EQ(machine.removed(command::cfgi_ste_range(9, 0)), "s12.s12...") << "2 streams: 8 and 9";
    EXPECT_EQ(machine.removed(command::cfgi_ste_range(10, 1)), "s12.s12.s12..") << "4 streams: 8 to 11";
    EXPECT_EQ(machine.removed(command::cfgi_ste_range(11, 3)), "s12.s12.s12..") << "16 streams: 0 to 15";
    EXPECT_EQ(machine.removed(command::cfgi_ste_range(20, 1)), "....") << "20 to 23";
}

TEST(SmmuInvalidationScope, CfgiAllRemovesEveryStructure) {
    Structures machine;
    EXPECT_EQ(machine.removed(command::cfgi_all()), "s12.s12.s12.s12.");
    EXPECT_EQ(machine.removed(command::cfgi_ste_range(0xFFFF'FFFF, 31)), "s12.s12.s12.s12.")
        << "the StreamID is ignored";
}

TEST(SmmuInvalidationScope, CfgiCdRemovesOneDescriptorOfOneStream) {
    for (const bool leaf : {false, true}) {
        Structures machine;
        EXPECT_EQ(machine.removed(command::cfgi_cd(9, 2, leaf)), ".2...");
        EXPECT_EQ(machine.removed(command::cfgi_cd(9, 5, leaf)), "....");
    }
}

TEST(SmmuInvalidationScope, CfgiCdAllRemovesTheDescriptorsOfOneStream) {
    Structures machine;
    EXPECT_EQ(machine.removed(command::cfgi_cd_all(11)), "..12..");
}

TEST(SmmuInvalidationScope, StructuresAreLeftByInvalidationsOfTranslations) {
    Structures machine;
    EXPECT_EQ(machine.removed(command::nsnh_all()), "....");
    EXPECT_EQ(machine.removed(command::el2_all()), "....");
}

// Walk caches and the cache of stage 2.

/// Reads of descriptors for a page beside a known one, after a command: how much the walk caches still knew.
std::size_t reads_after(u64 configuration, const command::Words& words) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tcu.walk_cache = {.entries = 64, .ways = 4};
    TwoStageMachine machine(configuration, config);
    machine.map();
    machine.map(address + 0x1000, first_leaf, second_leaf, page + 0x1000);
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    machine.execute({words});
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address + 0x1000)).passed());
    return machine.own_reads();
}

TEST(SmmuInvalidationScope, TablesOnThePathGoWithoutLeafAndMayStayWithIt) {
    EXPECT_EQ(reads_after(ste::Stage1, command::nh_va(5, 3, address, true)), 1u) << "the leaf of the other page";
    EXPECT_EQ(reads_after(ste::Stage1, command::nh_va(5, 3, address, false)), 4u) << "the whole path";
    EXPECT_EQ(reads_after(ste::Stage1, command::nh_vaa(5, address, false)), 4u);
    EXPECT_EQ(reads_after(ste::Stage2, command::s2_ipa(5, address, true)), 1u);
    EXPECT_EQ(reads_after(ste::Stage2, command::s2_ipa(5, address, false)), 4u);
}

TEST(SmmuInvalidationScope, TablesGoWithEveryScopeThatCoversTheirTranslations) {
    for (const command::Words& words :
         {command::nh_all(5), command::nh_asid(5, 3), command::s12_vmall(5), command::nsnh_all()})
        EXPECT_EQ(reads_after(ste::Stage1, words), 4u);
    for (const command::Words& words : {command::s12_vmall(5), command::nsnh_all()})
        EXPECT_EQ(reads_after(ste::Stage2, words), 4u);
    EXPECT_EQ(reads_after(ste::Stage1, command::nh_asid(5, 4)), 1u) << "another ASID";
    EXPECT_EQ(reads_after(ste::Stage2, command::nh_all(5)), 1u) << "stage 1 only";
}

TEST(SmmuInvalidationScope, Stage2TablesOfNestedStreamsGoWithStage2Commands) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tcu.walk_cache = {.entries = 64, .ways = 4};
    config.tcu.ipa_cache = {.entries = 64, .ways = 4};
    for (const bool leaf : {false, true}) {
        TwoStageMachine machine(ste::Nested, config);
        machine.map();
        machine.start();
        EXPECT_TRUE(machine.send(read(address)).passed());
        machine.put_second(page, 3, (page + TwoStageMachine::storage + 0x8000) | second_leaf);
        machine.execute({command::s2_ipa(5, page, leaf)});
        machine.execute({command::nh_all(5)});
        EXPECT_EQ(machine.send(read(address)).address, page + TwoStageMachine::storage + 0x8000);
    }
}

}  // namespace
}  // namespace smmusim::test::chapter10_scope
