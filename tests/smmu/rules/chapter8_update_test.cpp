// The access flag and the dirty state, and their update by hardware (chapter 8.7 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter8_update {
namespace {

using sim::Command;

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 access_flag = 0x400;
constexpr u64 dirty_bit_modifier = u64{1} << 51;
// Leaves without access flag; clean ones may become writable.
constexpr u64 first_old = 0xB43;
constexpr u64 second_old = 0x3FF;
constexpr u64 first_clean = 0xFC3 | dirty_bit_modifier;
constexpr u64 second_clean = 0x77F | dirty_bit_modifier;

/// A stream of one stage whose leaf has these attributes.
class OneLeaf : public TwoStageMachine {
public:
    OneLeaf(u64 configuration, u64 attributes, const uarch::SmmuConfig& config = small_config())
        : TwoStageMachine(configuration, config), first_(configuration == ste::Stage1) {
        map(TwoStageMachine::address, attributes, attributes);
    }
    OneLeaf& update(bool access, bool dirty) {
        context.set(cd::HA, access).set(cd::HD, dirty);
        entry.set(ste::S2HA, access).set(ste::S2HD, dirty);
        return *this;
    }
    u64 where() {
        return first_ ? first_descriptor(TwoStageMachine::address, 3) : second_descriptor(TwoStageMachine::address, 3);
    }
    u64 leaf() { return memory.u64_at(where()); }
    std::size_t updates() { return memory.count(Command::Atomic, where(), 8); }

private:
    bool first_;
};

struct Old {
    u64 configuration, old, clean;
    u64 output() const { return configuration == ste::Stage1 ? page : page + storage; }
    /// What a write makes of the clean leaf: AP[2] is cleared, S2AP[1] is set.
    u64 dirty() const { return configuration == ste::Stage1 ? clean & ~u64{0x80} : clean | 0x80; }
};
constexpr std::array stages{Old{ste::Stage1, first_old, first_clean}, Old{ste::Stage2, second_old, second_clean}};

TEST(SmmuHardwareUpdate, NothingIsUpdatedWhereTheAccessFlagIsSet) {
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.old | access_flag);
        machine.update(true, true).start();
        EXPECT_TRUE(machine.send(write(address)).passed());
        EXPECT_EQ(machine.updates(), 0u);
    }
}

TEST(SmmuHardwareUpdate, WithoutHaAMissingAccessFlagFaultsAndIsNotCached) {
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.old);
        machine.update(false, false).start();
        EXPECT_EQ(machine.send(read(address)).event(), event::F_ACCESS);
        EXPECT_EQ(machine.updates(), 0u);
        // Software sets the flag and needs no invalidation.
        machine.memory.put(machine.where(), machine.leaf() | access_flag);
        EXPECT_TRUE(machine.send(read(address)).passed());
    }
}

TEST(SmmuHardwareUpdate, AffdTakesAMissingAccessFlagAsSet) {
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.old);
        machine.context.set(cd::AFFD, 1);
        machine.entry.set(ste::S2AFFD, 1);
        machine.start();
        EXPECT_EQ(machine.send(write(address)).address, stage.output());
        EXPECT_EQ(machine.leaf(), stage.output() | stage.old) << "it stays as it is";
    }
}

TEST(SmmuHardwareUpdate, HaSetsTheAccessFlagOnceByAnAtomic) {
    for (const Old& stage : stages)
        for (const bool ignored : {false, true}) {
            OneLeaf machine(stage.configuration, stage.old);
            machine.context.set(cd::AFFD, ignored);
            machine.entry.set(ste::S2AFFD, ignored);
            machine.update(true, false).start();
            EXPECT_EQ(machine.send(read(address)).address, stage.output());
            EXPECT_EQ(machine.leaf(), stage.output() | stage.old | access_flag);
            EXPECT_TRUE(machine.send(read(address + 8)).passed());
            EXPECT_EQ(machine.updates(), 1u);
        }
}

TEST(SmmuHardwareUpdate, WriteToACleanPageMakesItDirty) {
    for (const Old& stage : stages)
        for (const bool by_atomic : {false, true}) {
            OneLeaf machine(stage.configuration, stage.clean);
            machine.update(true, true).start();
            EXPECT_EQ(machine.send(by_atomic ? atomic(address) : write(address)).address, stage.output());
            EXPECT_EQ(machine.leaf(), stage.output() | stage.dirty());
            EXPECT_EQ(machine.updates(), 1u);
            EXPECT_TRUE(machine.send(write(address)).passed());
            EXPECT_EQ(machine.updates(), 1u) << "once";
        }
}

TEST(SmmuHardwareUpdate, AccessFlagAndDirtyStateAreOneUpdate) {
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.clean & ~access_flag);
        machine.update(true, true).start();
        EXPECT_TRUE(machine.send(write(address)).passed());
        EXPECT_EQ(machine.leaf(), stage.output() | stage.dirty());
        EXPECT_EQ(machine.updates(), 1u);
    }
}

TEST(SmmuHardwareUpdate, ReadLeavesACleanPageCleanAndTheWriteThatFollowsMakesItDirty) {
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.clean);
        machine.update(true, true).start();
        EXPECT_TRUE(machine.send(read(address)).passed());
        EXPECT_EQ(machine.leaf(), stage.output() | stage.clean);
        EXPECT_TRUE(machine.send(write(address)).passed()) << "after a hit on the clean entry";
        EXPECT_EQ(machine.leaf(), stage.output() | stage.dirty());
    }
}

TEST(SmmuHardwareUpdate, WithoutDbmOrHdAReadOnlyPageFaults) {
    for (const Old& stage : stages)
        for (const bool with_dbm : {false, true}) {
            OneLeaf machine(stage.configuration, with_dbm ? stage.clean : stage.clean & ~dirty_bit_modifier);
            machine.update(true, !with_dbm).start();
            EXPECT_EQ(machine.send(write(address)).event(), event::F_PERMISSION);
            EXPECT_EQ(machine.updates(), 0u);
        }
}

TEST(SmmuHardwareUpdate, HdWithoutHaUpdatesNothing) {
    for (const Old& stage : stages) {
        OneLeaf clean(stage.configuration, stage.clean);
        clean.update(false, true).start();
        EXPECT_EQ(clean.send(write(address)).event(), event::F_PERMISSION);
        OneLeaf old(stage.configuration, stage.old);
        old.update(false, true).start();
        EXPECT_EQ(old.send(read(address)).event(), event::F_ACCESS);
        EXPECT_EQ(clean.updates() + old.updates(), 0u);
    }
}

TEST(SmmuHardwareUpdate, ReadOnlyTablesForbidTheDirtyState) {
    OneLeaf machine(ste::Stage1, first_clean);
    machine.update(true, true).start();
    const u64 table = machine.first_descriptor(address, 1);
    machine.memory.put(table, machine.memory.u64_at(table) | u64{1} << 62);
    EXPECT_EQ(machine.send(write(address)).event(), event::F_PERMISSION);
    EXPECT_EQ(machine.updates(), 0u);
}

TEST(SmmuHardwareUpdate, AccessThatIsRefusedUpdatesNothing) {
    for (const Old& stage : stages) {
        // Neither readable nor writable by this access.
        const u64 attributes = stage.configuration == ste::Stage1 ? stage.old & ~u64{0x40} : stage.old & ~u64{0xC0};
        OneLeaf machine(stage.configuration, attributes);
        machine.update(true, true).start();
        EXPECT_EQ(machine.send(read(address)).event(), event::F_PERMISSION);
        EXPECT_EQ(machine.leaf(), stage.output() | attributes);
    }
}

TEST(SmmuHardwareUpdate, UpdateIsACompareAndSwapThatLooksAgain) {
    for (const Old& stage : stages)
        for (const bool unmapped : {false, true}) {
            OneLeaf machine(stage.configuration, stage.old);
            machine.update(true, true).start();
            Client client(machine.simulation);
            machine.post(client, read(address));
            while (machine.memory.reads(machine.where(), 8) == 0) machine.run_to(machine.simulation.now() + nanosecond);
            // Software is faster than the update.
            const u64 changed = unmapped ? 0 : stage.output() | stage.old | u64{1} << 55;
            machine.memory.put(machine.where(), changed);
            machine.run();
            const Answer answer = machine.result(client);
            EXPECT_EQ(answer.passed(), !unmapped);
            EXPECT_EQ(answer.event(), unmapped ? u64{event::F_TRANSLATION} : 0u);
            EXPECT_EQ(machine.leaf(), unmapped ? 0 : changed | access_flag);
        }
}

TEST(SmmuHardwareUpdate, UpdateKeepsTheByteOrderOfTheTables) {
    const uarch::SmmuConfig mixed = TwoStageMachine::with([](spec::Identification& id) { id.idr0.TTENDIAN = 0; });
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.clean & ~access_flag, mixed);
        machine.context.set(cd::ENDI, 1);
        machine.entry.set(ste::S2ENDI, 1);
        machine.update(true, true).start();
        for (const int level : {0, 1, 2, 3}) {
            const u64 at = stage.configuration == ste::Stage1 ? machine.first_descriptor(address, level)
                                                              : machine.second_descriptor(address, level);
            machine.memory.put(at, __builtin_bswap64(machine.memory.u64_at(at)));
        }
        EXPECT_TRUE(machine.send(write(address)).passed());
        EXPECT_EQ(__builtin_bswap64(machine.leaf()), stage.output() | stage.dirty());
    }
}

TEST(SmmuHardwareUpdate, AbortedUpdateIsAWalkAbort) {
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.old);
        machine.update(true, false).start();
        machine.memory.fail_if(machine.where(), 8,
                               [](const sim::Access& access) { return access.command == Command::Atomic; });
        const Answer answer = machine.send(read(address));
        const bool second = stage.configuration == ste::Stage2;
        EventBuilder expected = record(event::F_WALK_EABT).set(event::RnW, 1).set(event::S2, second);
        expected.set(event::CLASS, second ? event::IN : event::TTD).set(event::InputAddr, address);
        EXPECT_ONLY_EVENT(answer, expected.set(event::FetchAddr, machine.where()));
    }
}

TEST(SmmuHardwareUpdate, OperationWithHttuiUpdatesNothing) {
    for (const bool inhibited : {false, true}) {
        OneLeaf machine(ste::Stage1, first_old);
        machine.update(true, true).start();
        machine.write64(0x108, TwoStageMachine::stream);
        machine.write64(0x110, address | 0b01 << 10 | 1 << 8 | u64{inhibited} << 6);
        machine.write32(0x100, 1);
        machine.run();
        EXPECT_EQ(machine.read32(0x100), 0u) << "GATOS_CTRL.RUN";
        EXPECT_EQ(machine.read32(0x118) & 1, 0u) << "no fault";
        EXPECT_EQ(machine.leaf(), page | (inhibited ? first_old : first_old | access_flag));
    }
}

// Nested streams.

/// Intermediate page of the last-level table of stage 1.
u64 table_page(TwoStageMachine& machine) { return (machine.first_descriptor(address, 3) - storage) & ~u64{0xFFF}; }

TEST(SmmuHardwareUpdate, Stage1UpdateNeedsWritePermissionOfStage2) {
    TwoStageMachine machine;
    machine.context.set(cd::HA, 1);
    machine.map(address, first_old);
    const u64 table = table_page(machine);
    machine.put_second(table, 3, (table + storage) | 0x77F);
    machine.start();
    const Answer answer = machine.send(read(address));
    EXPECT_ONLY_EVENT(answer, second_fault(event::F_PERMISSION, address, event::TTD, table));  // TTRnW = 0
    EXPECT_EQ(machine.memory.u64_at(table + storage + (address >> 12 & 511) * 8), page | first_old);
}

TEST(SmmuHardwareUpdate, Stage1UpdateMakesThePageOfItsTableDirtyAtStage2) {
    TwoStageMachine machine;
    machine.context.set(cd::HA, 1);
    machine.entry.set(ste::S2HA, 1).set(ste::S2HD, 1);
    machine.map(address, first_old);
    const u64 table = table_page(machine);
    machine.put_second(table, 3, (table + storage) | second_clean);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).address, page + storage);
    EXPECT_EQ(machine.memory.u64_at(machine.second_descriptor(table, 3)), (table + storage) | second_clean | 0x80);
    EXPECT_EQ(machine.memory.u64_at(machine.first_descriptor(address, 3)), page | first_old | access_flag);
}

TEST(SmmuHardwareUpdate, WalkThatUpdatesNothingLeavesThePageOfItsTableClean) {
    TwoStageMachine machine;
    machine.context.set(cd::HA, 1);
    machine.entry.set(ste::S2HA, 1).set(ste::S2HD, 1);
    machine.map();
    const u64 table = table_page(machine);
    machine.put_second(table, 3, (table + storage) | (second_clean & ~access_flag));
    machine.start();
    EXPECT_TRUE(machine.send(write(address)).passed());
    EXPECT_EQ(machine.memory.u64_at(machine.second_descriptor(table, 3)), (table + storage) | second_clean)
        << "accessed, not dirty";
}

TEST(SmmuHardwareUpdate, BothStagesAreUpdatedForOneWrite) {
    TwoStageMachine machine;
    machine.context.set(cd::HA, 1).set(cd::HD, 1);
    machine.entry.set(ste::S2HA, 1).set(ste::S2HD, 1);
    machine.map(address, first_clean & ~access_flag, second_clean & ~access_flag);
    machine.start();
    EXPECT_EQ(machine.send(write(address)).address, page + storage);
    EXPECT_EQ(machine.memory.u64_at(machine.first_descriptor(address, 3)), page | (first_clean & ~u64{0x80}));
    EXPECT_EQ(machine.memory.u64_at(machine.second_descriptor(page, 3)), (page + storage) | second_clean | 0x80);
}

TEST(SmmuHardwareUpdate, FetchOfTheContextDescriptorMaySetTheAccessFlagButNeverTheDirtyState) {
    TwoStageMachine machine;
    machine.entry.set(ste::S2HA, 1).set(ste::S2HD, 1);
    machine.map();
    machine.put_second(cd_address, 3, (cd_address + storage) | (second_clean & ~access_flag));
    machine.start();
    EXPECT_TRUE(machine.send(write(address)).passed());
    EXPECT_EQ(machine.memory.u64_at(machine.second_descriptor(cd_address, 3)), (cd_address + storage) | second_clean);
}

TEST(SmmuHardwareUpdate, TableDescriptorsAreNotUpdated) {
    // IDR0.HTTU does not read 0b11: HAFT and S2HAFT have no meaning.
    constexpr support::Field HAFT{67, 67}, S2HAFT{187, 187};
    for (const Old& stage : stages) {
        OneLeaf machine(stage.configuration, stage.old);
        machine.context.set(HAFT, 1);
        machine.entry.set(S2HAFT, 1);
        machine.update(true, true).start();
        EXPECT_NE(machine.read32(0) >> 6 & 3, 3u);
        EXPECT_TRUE(machine.send(write(address)).passed());
        EXPECT_EQ(machine.memory.count(Command::Atomic, 0, ~u64{0}), 1u) << "the leaf alone";
    }
}

}  // namespace
}  // namespace smmusim::test::chapter8_update
