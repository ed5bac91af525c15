// The procedure step by step, and a walk of one stage (chapter 7.1 and 7.3 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test {
namespace {

using sim::Status;

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_root = TwoStageMachine::first_root;
constexpr u64 second_root = TwoStageMachine::second_root;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;

/// SMMUEN = 0, with GBPA in force.
void bypass(TwoStageMachine& machine, u64 gbpa) {
    machine.write32(0x44, gbpa | u64{1} << 31);
    machine.bring_up(false);
    machine.memory.log.clear();
}

void expect_silent_abort(const Answer& answer) {
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_FALSE(answer.address);
    EXPECT_TRUE(answer.events.empty());
}

// 7.1

TEST(SmmuProcedure, WhileOffGbpaAbortEndsEverythingSilently) {
    TwoStageMachine machine(ste::Bypass);
    bypass(machine, u64{1} << 20);
    expect_silent_abort(machine.send(read(address)));
    expect_silent_abort(machine.send(write(address)));
}

TEST(SmmuProcedure, WhileOffAddressesPassAsTheyAre) {
    TwoStageMachine machine(ste::Stage1);
    bypass(machine, 0x1000);
    EXPECT_EQ(machine.send(read(0xFFFF'1234'5678)).address, 0xFFFF'1234'5678u);
    EXPECT_EQ(machine.own_reads(), 0u) << "no structure is read";
}

TEST(SmmuProcedure, WhileOffAddressesBeyondTheOutputSizeAbortSilently) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Bypass, [](spec::Identification& id) { id.idr5.OAS = 2; });
    bypass(machine, 0x1000);
    EXPECT_TRUE(machine.send(read((u64{1} << 40) - 8)).passed());
    expect_silent_abort(machine.send(read(u64{1} << 40)));
    expect_silent_abort(machine.send(read(u64{1} << 63)));
}

TEST(SmmuProcedure, ConfigZeroAbortsSilently) {
    for (const u64 configuration : {0b000, 0b001, 0b010, 0b011}) {
        TwoStageMachine machine(static_cast<u64>(configuration));
        machine.entry.set(ste::S2TG, 3).set(ste::STRW, 1).set(ste::S1CDMax, 31);  // ignored
        machine.start();
        expect_silent_abort(machine.send(read(address)));
        expect_silent_abort(machine.send(read(address).of_substream(1)));
    }
}

TEST(SmmuProcedure, ConfigBypassPassesTheAddressAndIgnoresTheStages) {
    TwoStageMachine machine(ste::Bypass);
    machine.entry.set(ste::S2TG, 3).set(ste::S1CDMax, 31).set(ste::S1ContextPtr, 0xFF'FFFF'FFFF'FFC0);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).address, address);
    EXPECT_EQ(machine.own_reads(), 1u) << "the entry alone";
}

TEST(SmmuProcedure, ConfigBypassRefusesASubstream) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    const Answer answer = machine.send(read(address).of_substream(2));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_SUBSTREAMID).set(event::SubstreamID, 2));
}

TEST(SmmuProcedure, ConfigBypassRefusesAddressesBeyondTheOutputSize) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Bypass, [](spec::Identification& id) { id.idr5.OAS = 2; });
    machine.start();
    EXPECT_TRUE(machine.send(read((u64{1} << 40) - 8)).passed());
    const Answer answer = machine.send(write(u64{1} << 40));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 40, false));
}

TEST(SmmuProcedure, Stage2AloneRefusesASubstream) {
    TwoStageMachine machine(ste::Stage2);
    machine.map();
    machine.start();
    const Answer answer = machine.send(read(address).of_substream(0));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_SUBSTREAMID));
}

TEST(SmmuProcedure, Stage2AloneTakesTheAddressAsIntermediate) {
    TwoStageMachine machine(ste::Stage2);
    machine.map();
    machine.start();
    EXPECT_EQ(machine.send(read(address + 0x120)).address, page + storage + 0x120);
    EXPECT_EQ(machine.own_reads(), 5u) << "the entry and four descriptors";
}

TEST(SmmuProcedure, Stage2AloneRefusesAddressesBeyondTheIntermediateSizeAsStage1Would) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Stage2, [](spec::Identification& id) { id.idr5.OAS = 2; });
    machine.second_tables(12, 24, 1, 1);
    machine.start();
    const Answer answer = machine.send(read(u64{1} << 40));
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 40));
}

TEST(SmmuProcedure, SkippedStage1OfAStage1StreamIsABypass) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
    machine.start();
    EXPECT_EQ(machine.send(read(0xABC'DE00'0000)).address, 0xABC'DE00'0000u);
    EXPECT_EQ(machine.own_reads(), 1u) << "no context descriptor";
    const Answer answer = machine.send(read(u64{1} << 48));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 48));
}

TEST(SmmuProcedure, SkippedStage1OfANestedStreamLeavesStage2) {
    TwoStageMachine machine;
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
    machine.map();
    machine.start();
    EXPECT_EQ(machine.send(read(page + 0x18)).address, page + storage + 0x18);
    EXPECT_EQ(machine.memory.reads(cd_address, 64) + machine.memory.reads(cd_address + storage, 64), 0u);
    const Answer answer = machine.send(read(u64{1} << 48));
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 48));
}

TEST(SmmuProcedure, ContextDescriptorOfANestedStreamIsReadThroughStage2) {
    TwoStageMachine machine;
    machine.map();
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.memory.reads(cd_address, 64), 0u);
    EXPECT_EQ(machine.memory.reads(cd_address + storage, 64), 1u);
}

TEST(SmmuProcedure, ContextDescriptorOfAStage1StreamIsReadWhereTheEntryPoints) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.memory.reads(cd_address, 64), 1u);
}

TEST(SmmuProcedure, OutputOfStage1IsThePhysicalAddressOrTheInputOfStage2) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        TwoStageMachine machine(configuration);
        machine.map();
        machine.start();
        EXPECT_EQ(machine.send(read(address + 0xFF8)).address, machine.final_page() + 0xFF8);
        EXPECT_EQ(machine.send(read(address + 0x10)).address, machine.final_page() + 0x10) << "on a hit";
    }
}

TEST(SmmuProcedure, IntermediateAddressBeyondS2t0szIsATranslationFaultOfStage2) {
    for (const u64 configuration : {ste::Stage2, ste::Nested}) {
        TwoStageMachine machine(configuration);
        machine.second_tables(12, 25, 1, 1);  // 39 bits
        constexpr u64 beyond = u64{1} << 39;
        machine.put_first(address, 3, beyond | first_leaf);
        machine.start();
        machine.memory.log.clear();
        const u64 input = configuration == ste::Stage2 ? beyond : address;
        const Answer answer = machine.send(read(input));
        EXPECT_ONLY_EVENT(answer, second_fault(event::F_TRANSLATION, input, event::IN, beyond));
    }
}

TEST(SmmuProcedure, WritesAreDataWhateverTheClientSays) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::INSTCFG, 3);
    machine.map(address, first_leaf | u64{3} << 53);  // not executable
    machine.start();
    const Answer answer = machine.send(write(address).as_instruction());
    EXPECT_TRUE(answer.passed());
    EXPECT_FALSE(answer.attributes.instruction);
}

TEST(SmmuProcedure, AtomicIsRecordedAsAWriteUnlessOnlyTheReadIsRefused) {
    struct Row {
        u64 s2ap;
        bool rnw;
    };
    for (const Row& row : {Row{0, false}, Row{1, false}, Row{2, true}}) {
        TwoStageMachine machine(ste::Stage2);
        machine.map(address, 0, 0x73F | row.s2ap << 6);
        machine.start();
        const Answer answer = machine.send(atomic(address));
        EventBuilder expected = second_fault(event::F_PERMISSION, address, event::IN, address);
        EXPECT_ONLY_EVENT(answer, expected.set(event::RnW, row.rnw));
    }
}

TEST(SmmuProcedure, EveryFaultUsesTheFlagsOfItsStage) {
    // Stage 1 would record, stage 2 would not; and the other way round.
    for (const bool first_records : {false, true}) {
        TwoStageMachine machine;
        machine.context.set(cd::R, first_records);
        machine.entry.set(ste::S2R, !first_records);
        machine.map();
        machine.map(address + 0x1000, first_leaf, 0, page + 0x1000);
        machine.start();
        EXPECT_EQ(machine.send(read(address + 0x2000)).events.size(), first_records ? 1u : 0u) << "stage 1";
        EXPECT_EQ(machine.send(read(address + 0x1000)).events.size(), first_records ? 0u : 1u) << "stage 2";
    }
}

// 7.3

TEST(SmmuProcedure, StartTableIsAlignedDownToItsSize) {
    // Four entries are 32 bytes: the bit of TTB0 below is ignored. The same with four concatenated tables of stage 2.
    {
        TwoStageMachine machine(ste::Stage1);
        machine.first_tables(12, 32, 1);
        machine.put_first(0x8000'0000, 1, page | (first_leaf & ~u64{2}));
        machine.context.set(cd::TTB0, first_root | 0x10);
        machine.start();
        EXPECT_EQ(machine.send(read(0x8000'0040)).address, page + 0x40 - page % 0x4000'0000);
    }
    {
        TwoStageMachine machine(ste::Stage2);
        machine.second_tables(12, 23, 1, 1);
        machine.map();
        machine.entry.set(ste::S2TTB, second_root | 0x3000);
        machine.start();
        EXPECT_TRUE(machine.send(read(address)).passed());
    }
}

TEST(SmmuProcedure, StartTableIsAlignedTo64BytesWhereAddressesHave52Bits) {
    for (const bool wide : {false, true}) {
        TwoStageMachine machine =
            TwoStageMachine::make(ste::Stage1, [](spec::Identification& id) { id.idr5.OAS = 6, id.idr5.DS = 1; });
        machine.first_tables(12, 33, 1);  // two entries, 16 bytes
        machine.context.set(cd::TTB0, first_root | 0x30).set(cd::DS, wide).set(cd::IPS, 6);
        machine.start();
        machine.send(read(0));
        EXPECT_EQ(machine.memory.reads(first_root, 8), wide ? 1u : 0u);
        EXPECT_EQ(machine.memory.reads(first_root + 0x30, 8), wide ? 0u : 1u);
    }
}

TEST(SmmuProcedure, DescriptorsAreReadIn8Bytes) {
    TwoStageMachine machine;
    machine.map();
    machine.start();
    machine.send(read(address));
    for (const FakeMemory::Logged& access : machine.memory.log) {
        if (access.attributes.transaction_class != sim::TransactionClass::TableWalk) continue;
        EXPECT_EQ(access.size, 8u);
        EXPECT_EQ(access.address % 8, 0u);
    }
}

/// Swaps the bytes of all descriptors of a stage's start table and of the 16 pages behind it.
void swap_tables(TwoStageMachine& machine, u64 root, u64 next) {
    const auto swap = [&](u64 from, u64 bytes) {
        for (u64 at = from; at < from + bytes; at += 8)
            machine.memory.put(at, __builtin_bswap64(machine.memory.u64_at(at)));
    };
    swap(root, 0x1000);
    swap(next, 0x1'0000);
}

TEST(SmmuProcedure, EndiAndS2endiSwapTheBytesOfDescriptorsEachOfItsStage) {
    const uarch::SmmuConfig mixed = TwoStageMachine::with([](spec::Identification& id) { id.idr0.TTENDIAN = 0; });
    for (const bool first : {false, true})
        for (const bool second : {false, true}) {
            TwoStageMachine machine(ste::Nested, mixed);
            machine.context.set(cd::ENDI, first);
            machine.entry.set(ste::S2ENDI, second);
            machine.map();
            machine.start();
            if (first) swap_tables(machine, first_root + storage, first_root + storage + 0x10'0000);
            if (second) swap_tables(machine, second_root, second_root + 0x100'0000);
            EXPECT_EQ(machine.send(read(address)).address, page + storage);
        }
}

TEST(SmmuProcedure, LowBitsOfADescriptorSayWhatItIs) {
    struct Row {
        int level;
        u64 low_bits;
        bool valid;
    };
    // Blocks of 4 KiB tables: levels 1 and 2. At level 3 only 11 is a page. Tables lead to an empty table here.
    for (const Row& row :
         {Row{0, 0b00, false}, Row{0, 0b01, false}, Row{0, 0b10, false}, Row{1, 0b00, false}, Row{1, 0b01, true},
          Row{1, 0b10, false}, Row{2, 0b00, false}, Row{2, 0b01, true}, Row{2, 0b10, false}, Row{3, 0b00, false},
          Row{3, 0b01, false}, Row{3, 0b10, false}, Row{3, 0b11, true}})
        for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
            TwoStageMachine machine(configuration);
            const u64 output = u64{0x40'0000'0000};
            if (configuration == ste::Stage1)
                machine.put_first(address, row.level, output | (first_leaf & ~u64{3}) | row.low_bits);
            else machine.put_second(address, row.level, output | (second_leaf & ~u64{3}) | row.low_bits);
            machine.start();
            const Answer answer = machine.send(read(address));
            EXPECT_EQ(answer.passed(), row.valid) << row.level << " " << row.low_bits;
            EXPECT_EQ(answer.event(), row.valid ? 0u : u64{event::F_TRANSLATION}) << row.level << " " << row.low_bits;
            EXPECT_EQ(machine.own_reads(), static_cast<std::size_t>(row.level) + 1 + (configuration == ste::Stage1) + 1)
                << "the walk ends there";
        }
}

TEST(SmmuProcedure, TableAddressBeyondTheOutputSizeIsAnAddressSizeFaultAtEveryLevel) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2})
        for (const int level : {0, 1, 2}) {
            TwoStageMachine machine(configuration);
            machine.context.set(cd::IPS, 2);
            machine.entry.set(ste::S2PS, 2);
            const u64 table = u64{1} << 40 | 3;
            if (configuration == ste::Stage1) machine.put_first(address, level, table);
            else machine.put_second(address, level, table);
            machine.start();
            EXPECT_EQ(machine.send(read(address)).event(), event::F_ADDR_SIZE) << level;
            EXPECT_EQ(machine.memory.reads(u64{1} << 40, 0x1000), 0u);
        }
}

TEST(SmmuProcedure, OutputSizeIsTheSmallerOfStructureAndSmmu) {
    // OAS of 40 bits; IPS and S2PS ask for 36, 40, 48 and the reserved encoding.
    struct Row {
        u64 encoding;
        unsigned bits;
    };
    for (const Row& row : {Row{1, 36}, Row{2, 40}, Row{5, 40}, Row{7, 40}})
        for (const u64 configuration : {ste::Stage1, ste::Stage2})
            for (const bool beyond : {false, true}) {
                TwoStageMachine machine =
                    TwoStageMachine::make(configuration, [](spec::Identification& id) { id.idr5.OAS = 2; });
                machine.second_tables(12, 24, 1, 1);
                machine.context.set(cd::IPS, row.encoding);
                machine.entry.set(ste::S2PS, row.encoding);
                const u64 output = u64{1} << (beyond ? row.bits : row.bits - 1);
                if (configuration == ste::Stage1) machine.put_first(address, 3, output | first_leaf);
                else machine.put_second(address, 3, output | second_leaf);
                machine.start();
                const Answer answer = machine.send(read(address));
                EXPECT_EQ(answer.passed(), !beyond) << row.encoding;
                EXPECT_EQ(answer.event(), beyond ? u64{event::F_ADDR_SIZE} : 0u) << row.encoding;
            }
}

TEST(SmmuProcedure, S2ptwRefusesWalksAndDescriptorFetchesInDeviceMemory) {
    for (const bool forbidden : {false, true})
        for (const u64 table : {first_root, cd_address}) {
            TwoStageMachine machine;
            machine.entry.set(ste::S2PTW, forbidden);
            machine.map();
            machine.put_second(table, 3, (table + storage) | 0x7C7);  // Device-nGnRE
            machine.start();
            const Answer answer = machine.send(read(address));
            EXPECT_EQ(answer.passed(), !forbidden);
            if (!forbidden) continue;
            const event::Class access = table == cd_address ? event::CD : event::TTD;
            EventBuilder expected = second_fault(event::F_PERMISSION, address, access, table);
            EXPECT_ONLY_EVENT(answer, expected.set(event::TTRnW, access == event::TTD));
        }
}

TEST(SmmuProcedure, S2ptwLooksAtTheTypeOfStage2AsFwbEncodesIt) {
    // With S2FWB bit 4 (MemAttr[2]) tells Device from Normal, without it MemAttr[3:2] does.
    struct Row {
        bool fwb;
        u64 memattr;
        bool device;
    };
    for (const Row& row : {Row{false, 0b0011, true}, Row{false, 0b0101, false}, Row{false, 0b1111, false},
                           Row{true, 0b0011, true}, Row{true, 0b0101, false}, Row{true, 0b0110, false}}) {
        TwoStageMachine machine;
        machine.entry.set(ste::S2PTW, 1).set(ste::S2FWB, row.fwb);
        machine.map(address, first_leaf, row.fwb ? 0x7C3 | 0b0110 << 2 : second_leaf);
        for (const u64 own :
             {first_root, first_root + 0x10'0000, first_root + 0x10'1000, first_root + 0x10'2000, cd_address})
            machine.put_second(own, 3, (own + storage) | 0x7C3 | (own == first_root ? row.memattr : 0b0110) << 2);
        machine.start();
        EXPECT_EQ(machine.send(read(address)).event(), row.device ? u64{event::F_PERMISSION} : 0u)
            << row.fwb << row.memattr;
    }
}

TEST(SmmuProcedure, LeafKeepsTheLowBitsOfTheInputAddress) {
    struct Row {
        int level;
        u64 low_mask;
    };
    for (const Row& row : {Row{1, 0x3FFF'FFFF}, Row{2, 0x1F'FFFF}, Row{3, 0xFFF}})
        for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
            TwoStageMachine machine(configuration);
            const u64 output = u64{0x40'0000'0000};
            const u64 type = row.level == 3 ? 3 : 1;
            if (configuration == ste::Stage1)
                machine.put_first(address, row.level, output | (first_leaf & ~u64{3}) | type);
            else machine.put_second(address, row.level, output | (second_leaf & ~u64{3}) | type);
            machine.start();
            EXPECT_EQ(machine.send(read(address + 0x678)).address, output | ((address + 0x678) & row.low_mask));
        }
}

}  // namespace
}  // namespace smmusim::test
