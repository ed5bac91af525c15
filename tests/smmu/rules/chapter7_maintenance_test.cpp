// Cache maintenance by address (chapters 7.7 and 8.7 of the rules), and the hint of a device (chapter 6.2).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_maintenance {
namespace {

using sim::CacheOperation;
using sim::Status;

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 dirty_bit_modifier = u64{1} << 51;
constexpr u64 read_only = 0xFC3;  ///< AP = 11
constexpr u64 writable = 0xF43;   ///< AP = 01
constexpr u64 privileged_only = 0xF03;

constexpr std::array cleans{CacheOperation::Clean, CacheOperation::CleanInvalidate, CacheOperation::CleanToPersistence};

TEST(SmmuClasses, CleansNeedWhatAReadNeedsAndAreRecordedAsOne) {
    for (const CacheOperation clean : cleans) {
        TwoStageMachine machine(ste::Stage1);
        machine.context.set(cd::R, 1).set(cd::A, 1);
        machine.map(address, read_only);
        machine.map(address + 0x1000, privileged_only);
        machine.start();
        const Answer permitted = machine.send(maintain(address, clean));
        EXPECT_TRUE(permitted.passed());
        EXPECT_EQ(permitted.attributes.cache_operation, clean);
        const Answer refused = machine.send(maintain(address + 0x1000, clean));
        EXPECT_EQ(refused.status, Status::CompleterAbort);
        ASSERT_EQ(refused.event(), event::F_PERMISSION);
        EXPECT_EQ(refused.events[0].get(event::RnW), 1u);
        EXPECT_TRUE(machine.send(maintain(address + 0x1000, clean).with_privilege()).passed());
    }
}

TEST(SmmuClasses, CleansOfInstructionsNeedToExecute) {
    constexpr u64 execute_never = u64{1} << 54;
    TwoStageMachine machine(ste::Stage1);
    machine.map(address, read_only | execute_never);
    machine.start();
    EXPECT_TRUE(machine.send(maintain(address, CacheOperation::Clean)).passed());
    EXPECT_FALSE(machine.send(maintain(address, CacheOperation::Clean).as_instruction()).passed());
}

TEST(SmmuClasses, CleansSetTheAccessFlagOnly) {
    for (const CacheOperation operation : {CacheOperation::Clean, CacheOperation::CleanInvalidate,
                                           CacheOperation::CleanToPersistence, CacheOperation::Invalidate}) {
        TwoStageMachine machine(ste::Stage1);
        machine.entry.set(ste::DRE, 1);
        machine.context.set(cd::HA, 1).set(cd::HD, 1);
        machine.map(address, (read_only | dirty_bit_modifier) & ~u64{0x400});
        machine.start();
        EXPECT_TRUE(machine.send(maintain(address, operation)).passed());
        EXPECT_EQ(machine.memory.u64_at(machine.first_descriptor(address, 3)), page | read_only | dirty_bit_modifier);
    }
}

TEST(SmmuClasses, CleansKeepTheirAttributes) {
    sim::MemoryAttributes incoming;
    incoming.inner = sim::Cacheability::WriteThrough;
    incoming.outer = sim::Cacheability::NonCacheable;
    incoming.read_allocate = false;
    TwoStageMachine machine(ste::Stage1);
    machine.map(address, read_only);
    machine.start();
    const Answer plain = machine.send(read(address).with_memory(incoming));
    EXPECT_EQ(plain.attributes.memory.outer, sim::Cacheability::WriteBack) << "the type of a read is that of MAIR";
    const Answer clean = machine.send(maintain(address, CacheOperation::Clean).with_memory(incoming));
    EXPECT_EQ(clean.attributes.memory.inner, incoming.inner);
    EXPECT_EQ(clean.attributes.memory.outer, incoming.outer);
    EXPECT_EQ(clean.attributes.memory.read_allocate, incoming.read_allocate);
    EXPECT_EQ(clean.attributes.memory.shareability, plain.attributes.memory.shareability);
}

TEST(SmmuClasses, InvalidateBecomesCleanInvalidateWithoutWritePermissionOrDre) {
    for (const bool destructive : {false, true})
        for (const bool may_write : {false, true}) {
            TwoStageMachine machine(ste::Stage1);
            machine.entry.set(ste::DRE, destructive);
            machine.map(address, may_write ? writable : read_only);
            machine.start();
            for (const char* const by : {"a walk", "a TLB hit"}) {
                const Answer answer = machine.send(maintain(address, CacheOperation::Invalidate));
                ASSERT_TRUE(answer.passed());
                EXPECT_EQ(answer.attributes.cache_operation,
                          destructive && may_write ? CacheOperation::Invalidate : CacheOperation::CleanInvalidate)
                    << by << destructive << may_write;
            }
        }
}

TEST(SmmuEvents, HintOfADeviceIsRecordedAsAPageRequest) {
    TwoStageMachine machine(ste::Stage1);
    machine.start();
    sim::PageRequest hint;
    hint.stream_id = 8;
    hint.substream_id = 5;
    hint.address = 0x1234'5678'9000;
    hint.read = hint.write = true;
    machine.smmu.page_hint(hint, 3);
    hint.privileged = true;
    hint.execute = true;
    hint.substream_id = sim::no_id;
    machine.smmu.page_hint(hint, 1);
    machine.run();
    ASSERT_EQ(machine.events(), 2u);
    const auto unprivileged = machine.event(0).words;
    EXPECT_EQ(unprivileged[0], 0x24u | 1u << 11 | 5u << 12 | u64{8} << 32);
    EXPECT_EQ(unprivileged[1], u64{1} << 34 | u64{1} << 35 | u64{3} << 44) << "uW 98, uR 99, Span 115:108";
    EXPECT_EQ(unprivileged[2], 0x1234'5678'9000u);
    EXPECT_EQ(unprivileged[3], 0u);
    const auto privileged = machine.event(1).words;
    EXPECT_EQ(privileged[0], 0x24u | u64{8} << 32);
    EXPECT_EQ(privileged[1], u64{7} << 37 | u64{1} << 44) << "pX 101, pW 102, pR 103";
}

}  // namespace
}  // namespace smmusim::test::chapter7_maintenance
