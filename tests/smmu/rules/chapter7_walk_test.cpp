// The walk of one stage (chapter 7.3 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_walk {
namespace {

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_root = TwoStageMachine::first_root;
constexpr u64 second_root = TwoStageMachine::second_root;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;

TEST(SmmuWalk, StartTableIsAlignedDownToItsSize) {
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

TEST(SmmuWalk, StartTableIsAlignedTo64BytesWhereAddressesHave52Bits) {
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

TEST(SmmuWalk, DescriptorsAreReadIn8Bytes) {
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

TEST(SmmuWalk, EndiAndS2endiSwapTheBytesOfDescriptorsEachOfItsStage) {
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

TEST(SmmuWalk, LowBitsOfADescriptorSayWhatItIs) {
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

TEST(SmmuWalk, TableAddressBeyondTheOutputSizeIsAnAddressSizeFaultAtEveryLevel) {
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

TEST(SmmuWalk, OutputSizeIsTheSmallerOfStructureAndSmmu) {
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

TEST(SmmuWalk, S2ptwRefusesWalksAndDescriptorFetchesInDeviceMemory) {
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

TEST(SmmuWalk, S2ptwLooksAtTheTypeOfStage2AsFwbEncodesIt) {
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

TEST(SmmuWalk, LeafKeepsTheLowBitsOfTheInputAddress) {
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
}  // namespace smmusim::test::chapter7_walk
