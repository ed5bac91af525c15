// Attributes of what the SMMU itself reads and writes (chapter 7.6 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_own_accesses {
namespace {

using sim::Cacheability;
using sim::MemoryAttributes;
using sim::MemoryType;
using sim::Shareability;

constexpr u64 address = TwoStageMachine::address;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_root = TwoStageMachine::first_root;
constexpr u64 second_root = TwoStageMachine::second_root;
constexpr u64 cd_address = TwoStageMachine::cd_address;

/// Attributes of the last access to an address.
MemoryAttributes at(const TwoStageMachine& machine, u64 where) {
    MemoryAttributes found;
    bool any = false;
    for (const FakeMemory::Logged& access : machine.memory.log)
        if (access.address <= where && where < access.address + access.size) {
            found = access.attributes.memory;
            any = true;
        }
    EXPECT_TRUE(any) << std::hex << where;
    return found;
}

/// Cacheability by the encoding of registers: 11 is reserved and means 00.
constexpr std::array by_register{Cacheability::NonCacheable, Cacheability::WriteBack, Cacheability::WriteThrough,
                                 Cacheability::NonCacheable};
/// The same in structures: 11 is write-back with another hint.
constexpr std::array by_structure{Cacheability::NonCacheable, Cacheability::WriteBack, Cacheability::WriteThrough,
                                  Cacheability::WriteBack};
/// 01 is reserved and means 00.
constexpr std::array by_sh{Shareability::NonShareable, Shareability::NonShareable, Shareability::OuterShareable,
                           Shareability::InnerShareable};

void expect_attributes(const MemoryAttributes& found, Cacheability inner, Cacheability outer, Shareability sh) {
    EXPECT_EQ(found.type, MemoryType::Normal);
    EXPECT_EQ(found.inner, inner);
    EXPECT_EQ(found.outer, outer);
    const bool neither = inner == Cacheability::NonCacheable && outer == Cacheability::NonCacheable;
    EXPECT_EQ(found.shareability, neither ? Shareability::OuterShareable : sh);
}

/// Inner, outer and shareability fields, each with all of its values.
constexpr std::array<std::array<u64, 3>, 6> samples{{{0, 0, 3}, {1, 1, 3}, {2, 1, 0}, {1, 3, 2}, {3, 2, 1}, {0, 1, 0}}};

void set_cr1(TwoStageMachine& machine, u64 cr1) {
    machine.write32(0x20, 0);
    machine.run();
    machine.write32(0x28, cr1);
    machine.write32(0x20, 0b1101);
    machine.run();
    machine.memory.log.clear();
}

TEST(SmmuOwnAccesses, StreamTableIsReadAsCr1TableSays) {
    constexpr u64 level1 = 0x4200'0000, level2 = 0x4201'0000;
    for (const auto& [inner, outer, sh] : samples) {
        TwoStageMachine machine(ste::Bypass);
        machine.start();
        machine.use_stream_table(level1, u64{1} << 16 | 6 << 6 | 8);
        machine.memory.put(level1, level2 | 7);
        machine.memory.write(level2 + 8 * 64, machine.entry.words().data(), 64);
        set_cr1(machine, sh << 10 | outer << 8 | inner << 6);
        EXPECT_TRUE(machine.send(read(address)).passed());
        expect_attributes(at(machine, level1), by_register[inner], by_register[outer], by_sh[sh]);
        expect_attributes(at(machine, level2 + 8 * 64), by_register[inner], by_register[outer], by_sh[sh]);
    }
}

TEST(SmmuOwnAccesses, QueuesAreReadAndWrittenAsCr1QueueSays) {
    for (const auto& [inner, outer, sh] : samples) {
        TwoStageMachine machine(ste::Stage1);
        machine.start();
        set_cr1(machine, sh << 4 | outer << 2 | inner);
        machine.execute({});
        EXPECT_EQ(machine.send(read(address)).event(), event::F_TRANSLATION);
        expect_attributes(at(machine, SmmuMachine::cmdq), by_register[inner], by_register[outer], by_sh[sh]);
        expect_attributes(at(machine, SmmuMachine::evtq), by_register[inner], by_register[outer], by_sh[sh]);
    }
}

TEST(SmmuOwnAccesses, MessagesAreWrittenAsTheirRegistersAndCommandsSay) {
    // MemAttr 0b1011 is outer write-through and inner write-back; SH 0b10 is outer shareable.
    TwoStageMachine machine(ste::Stage1);
    constexpr u64 doorbell = 0x4300'0040;
    machine.write32(0x50, 0);
    machine.write64(0xB0, doorbell);
    machine.write32(0xB8, 0x1234);
    machine.write32(0xBC, 0b10 << 4 | 0b1011);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).event(), event::F_TRANSLATION);
    expect_attributes(at(machine, doorbell), Cacheability::WriteBack, Cacheability::WriteThrough,
                      Shareability::OuterShareable);
    machine.command(0x46 | 1 << 12 | u64{0b10} << 22 | u64{0b0001} << 24 | u64{0x77} << 32, doorbell + 8);
    machine.ring();
    machine.run();
    EXPECT_EQ(at(machine, doorbell + 8), MemoryAttributes::device(MemoryType::DeviceNGnRE));
    EXPECT_EQ(machine.memory.u32_at(doorbell), 0x1234u);
    EXPECT_EQ(machine.memory.u32_at(doorbell + 8), 0x77u);
}

TEST(SmmuOwnAccesses, ContextDescriptorsAreReadAsTheStreamTableEntrySays) {
    for (const auto& [inner, outer, sh] : samples) {
        TwoStageMachine machine(ste::Stage1);
        machine.entry.set(ste::S1CIR, inner).set(ste::S1COR, outer).set(ste::S1CSH, sh);
        machine.entry.set(ste::S1CDMax, 8).set(ste::S1Fmt, 1);
        machine.map();
        machine.start();
        constexpr u64 second_level = 0x4300'0000;
        machine.memory.put(cd_address, second_level | 1);
        machine.memory.write(second_level + 64, machine.context.words().data(), 64);
        EXPECT_TRUE(machine.send(read(address).of_substream(1)).passed());
        for (const u64 where : {cd_address, second_level + 64}) {
            const MemoryAttributes found = at(machine, where);
            expect_attributes(found, by_structure[inner], by_structure[outer], by_sh[sh]);
            if (outer != 0) {
                EXPECT_EQ(found.read_allocate, outer != 3) << "01 and 10 allocate, 11 does not";
            }
        }
    }
}

TEST(SmmuOwnAccesses, Stage1TablesAreReadAsTheContextDescriptorSaysForTheirHalf) {
    for (const auto& [inner, outer, sh] : samples)
        for (const bool upper : {false, true}) {
            TwoStageMachine machine(ste::Stage1);
            constexpr u64 upper_root = 0x8400'0000;
            machine.context.set(cd::EPD1, 0).set(cd::TG1, support::encode_tg1(12)).set(cd::T1SZ, 16);
            machine.context.set(cd::TTB1, upper_root);
            machine.context.set(upper ? cd::IR1 : cd::IR0, inner).set(upper ? cd::OR1 : cd::OR0, outer);
            machine.context.set(upper ? cd::SH1 : cd::SH0, sh);
            machine.start();
            machine.send(read(upper ? ~u64{0xFFF} : 0));
            const MemoryAttributes found = at(machine, upper ? upper_root + 511 * 8 : first_root);
            expect_attributes(found, by_structure[inner], by_structure[outer], by_sh[sh]);
            if (outer == 1 || outer == 3) {
                EXPECT_EQ(found.write_allocate, outer == 1);
            }
        }
}

TEST(SmmuOwnAccesses, Stage2TablesAreReadAsTheStreamTableEntrySays) {
    for (const auto& [inner, outer, sh] : samples) {
        TwoStageMachine machine(ste::Stage2);
        machine.entry.set(ste::S2IR0, inner).set(ste::S2OR0, outer).set(ste::S2SH0, sh);
        machine.start();
        machine.send(read(0));
        const MemoryAttributes found = at(machine, second_root);
        expect_attributes(found, by_structure[inner], by_structure[outer], by_sh[sh]);
        if (outer == 1 || outer == 3) {
            EXPECT_EQ(found.write_allocate, outer == 1);
        }
    }
}

TEST(SmmuOwnAccesses, NestedWalksAndDescriptorFetchesAreCombinedWithStage2) {
    // Stage 1 asks for write-back, inner shareable; stage 2 maps inner WT, outer NC, outer shareable.
    TwoStageMachine machine;
    machine.entry.set(ste::S1CIR, 1).set(ste::S1COR, 1).set(ste::S1CSH, 3);
    machine.context.set(cd::IR0, 1).set(cd::OR0, 1).set(cd::SH0, 3);
    machine.map();
    for (const u64 own : {first_root, cd_address}) machine.put_second(own, 3, (own + storage) | 0x6C3 | 0b0110 << 2);
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    for (const u64 own : {first_root + (address >> 39) * 8, cd_address})
        expect_attributes(at(machine, own + storage), Cacheability::WriteThrough, Cacheability::NonCacheable,
                          Shareability::OuterShareable);
}

TEST(SmmuOwnAccesses, WalkInDeviceMemoryOfStage2BecomesNonCacheableWithPtwnnc) {
    for (const bool ptwnnc : {false, true}) {
        TwoStageMachine machine =
            TwoStageMachine::make(ste::Nested, [&](spec::Identification& id) { id.idr3.PTWNNC = ptwnnc; });
        machine.map();
        machine.put_second(first_root, 3, (first_root + storage) | 0x7C7);  // Device-nGnRE
        machine.start();
        EXPECT_TRUE(machine.send(read(address)).passed());
        const MemoryAttributes found = at(machine, first_root + storage + (address >> 39) * 8);
        if (ptwnnc)
            expect_attributes(found, Cacheability::NonCacheable, Cacheability::NonCacheable,
                              Shareability::OuterShareable);
        else EXPECT_EQ(found, MemoryAttributes::device(MemoryType::DeviceNGnRE));
    }
}

TEST(SmmuOwnAccesses, AllAreDataAndPrivileged) {
    TwoStageMachine machine;
    machine.context.set(cd::HA, 1);
    machine.map(address, 0xB43);
    machine.start();
    machine.execute({});
    EXPECT_TRUE(machine.send(fetch(address)).passed());
    EXPECT_EQ(machine.send(fetch(address + 0x1000)).event(), event::F_TRANSLATION);
    std::size_t own = 0;
    for (const FakeMemory::Logged& access : machine.memory.log) {
        if (access.attributes.transaction_class == sim::TransactionClass::Data) continue;
        ++own;
        EXPECT_TRUE(access.attributes.privileged) << std::hex << access.address;
        EXPECT_FALSE(access.attributes.instruction || access.attributes.secure) << std::hex << access.address;
    }
    EXPECT_GT(own, 24u);
}

}  // namespace
}  // namespace smmusim::test::chapter7_own_accesses
