// GBPA: what becomes of transactions while SMMUEN = 0.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_bypass {
namespace {

using sim::Cacheability;
using sim::MemoryType;
using sim::Shareability;

constexpr u64 update = u64{1} << 31;
constexpr u64 incoming_shareability = 0b01 << 12;
constexpr u64 page = RuleMachine::page;

/// A machine whose GBPA is in force.
struct Bypass : RuleMachine {
    explicit Bypass(u64 gbpa, const Change& change = {}) : RuleMachine(change) {
        write32(0x44, update | gbpa);
        run();
    }
};

TEST(SmmuGlobalBypass, TransactionsPassUnchanged) {
    Bypass machine(incoming_shareability);
    const Ask how{.command = sim::Command::Write,
                  .privileged = true,
                  .memory = {.shareability = Shareability::InnerShareable, .write_allocate = false}};
    const Answer answer = machine.ask(3, page + 8, how);
    EXPECT_TRUE(answer.passed());
    EXPECT_EQ(answer.address, page + 8);
    EXPECT_EQ(answer.attributes.memory, how.memory);
    EXPECT_TRUE(answer.attributes.privileged);
    EXPECT_EQ(machine.memory.u64_at(page + 8), 0x5A5A'5A5A'5A5A'5A5Au);
}

TEST(SmmuGlobalBypass, AbortEndsEveryTransactionWithoutAnEvent) {
    Bypass machine(1 << 20);
    machine.bring_up(false);
    EXPECT_TRUE(machine.read(page).aborted());
    EXPECT_TRUE(machine.write(page).aborted());
    EXPECT_EQ(machine.memory.u64_at(page), 0u);
    EXPECT_EQ(machine.events(), 0u);
}

TEST(SmmuGlobalBypass, AbortMayBeTheResetValue) {
    RuleMachine machine(RuleMachine::WithConfig{}, [](uarch::SmmuConfig& config) { config.gbpa = 1 << 20; });
    EXPECT_TRUE(machine.read(page).aborted());
}

TEST(SmmuGlobalBypass, AddressBeyondTheOutputSizeAbortsWithoutAnEvent) {
    Bypass machine(incoming_shareability);
    machine.bring_up(false);
    EXPECT_TRUE(machine.read(u64{1} << 48).aborted());
    EXPECT_EQ(machine.events(), 0u);
}

TEST(SmmuGlobalBypass, NewValueIsReadableAtOnceAndInForceWhenUpdateClears) {
    RuleMachine machine;
    machine.run_to(1000 * nanosecond);
    machine.write32(0x44, update | 1 << 20);
    EXPECT_EQ(machine.read32(0x44), update | 1 << 20);
    Client early(machine.simulation);
    early.submit(machine.smmu.tbu(0), sim::Command::Read, 3, page);
    machine.run_to(1000 * nanosecond + 10 * nanosecond - 1);
    EXPECT_EQ(machine.read32(0x44) & update, update);
    machine.run_to(1000 * nanosecond + 10 * nanosecond);
    EXPECT_EQ(machine.read32(0x44), u64{1} << 20);
    machine.run();
    EXPECT_EQ(early.access->status, sim::Status::Ok) << "accepted under the old value";
    EXPECT_TRUE(machine.read(page).aborted());
}

TEST(SmmuGlobalBypass, WriteWithoutUpdateIsIgnored) {
    RuleMachine machine;
    const u64 before = machine.read32(0x44);
    machine.write32(0x44, 1 << 20);
    machine.run();
    EXPECT_EQ(machine.read32(0x44), before);
    EXPECT_TRUE(machine.read(page).passed());
}

TEST(SmmuGlobalBypass, WriteDuringAPendingUpdateIsIgnored) {
    RuleMachine machine;
    machine.write32(0x44, update | 1 << 20);
    machine.write32(0x44, update | incoming_shareability);
    machine.run();
    EXPECT_EQ(machine.read32(0x44), u64{1} << 20);
    EXPECT_TRUE(machine.read(page).aborted());
}

TEST(SmmuGlobalBypass, ReservedBitsReadZero) {
    Bypass machine(0x7FFF'FFFF & ~(u64{1} << 20));
    EXPECT_EQ(machine.read32(0x44), 0x000F'3F1Fu);
}

TEST(SmmuGlobalBypass, InstcfgReplacesTheInstructionAttributeOfReads) {
    for (const u64 instcfg : {0b00, 0b01, 0b10, 0b11}) {
        for (const bool incoming : {false, true}) {
            Bypass machine(instcfg << 18);
            const bool expected = instcfg < 2 ? incoming : instcfg == 0b11;
            EXPECT_EQ(machine.read(page, {.instruction = incoming}).attributes.instruction, expected) << instcfg;
        }
        Bypass machine(instcfg << 18);
        EXPECT_FALSE(machine.write(page).attributes.instruction) << instcfg;
    }
}

TEST(SmmuGlobalBypass, PrivcfgReplacesThePrivilege) {
    for (const u64 privcfg : {0b00, 0b01, 0b10, 0b11})
        for (const bool incoming : {false, true}) {
            Bypass machine(privcfg << 16);
            const bool expected = privcfg < 2 ? incoming : privcfg == 0b11;
            EXPECT_EQ(machine.read(page, {.privileged = incoming}).attributes.privileged, expected) << privcfg;
        }
}

TEST(SmmuGlobalBypass, PermissionOverridesNeedAttrPermsOvr) {
    Bypass machine(0b11 << 18 | 0b11 << 16 | incoming_shareability,
                   [](spec::Identification& id) { id.idr1.ATTR_PERMS_OVR = 0; });
    const Answer answer = machine.read(page);
    EXPECT_FALSE(answer.attributes.instruction);
    EXPECT_FALSE(answer.attributes.privileged);
}

TEST(SmmuGlobalBypass, ShcfgReplacesTheShareability) {
    const Ask how{.memory = {.shareability = Shareability::InnerShareable}};
    const auto shareability = [&](u64 shcfg) {
        return Bypass(shcfg << 12).read(page, how).attributes.memory.shareability;
    };
    EXPECT_EQ(shareability(0b00), Shareability::NonShareable);
    EXPECT_EQ(shareability(0b01), Shareability::InnerShareable) << "incoming";
    EXPECT_EQ(shareability(0b10), Shareability::OuterShareable);
    EXPECT_EQ(shareability(0b11), Shareability::InnerShareable);
}

TEST(SmmuGlobalBypass, AlloccfgReplacesTheAllocationHints) {
    const Ask how{.memory = {.read_allocate = true, .write_allocate = false, .transient = true}};
    for (u64 alloccfg = 0; alloccfg < 16; ++alloccfg) {
        const sim::MemoryAttributes memory = Bypass(alloccfg << 8).read(page, how).attributes.memory;
        const bool replace = alloccfg >= 8;
        EXPECT_EQ(memory.read_allocate, replace ? (alloccfg & 4) != 0 : true) << alloccfg;
        EXPECT_EQ(memory.write_allocate, replace ? (alloccfg & 2) != 0 : false) << alloccfg;
        EXPECT_EQ(memory.transient, replace ? (alloccfg & 1) != 0 : true) << alloccfg;
    }
}

struct MemAttr {
    u64 value;
    MemoryType type;
    Cacheability outer = Cacheability::NonCacheable;
    Cacheability inner = Cacheability::NonCacheable;
};
class MemAttrEncoding : public testing::TestWithParam<MemAttr> {};

TEST_P(MemAttrEncoding, OfGbpaGivesItsTypeWithMtcfg) {
    Bypass machine(GetParam().value | 1 << 4 | 0b11 << 12);
    const sim::MemoryAttributes memory = machine.read(page).attributes.memory;
    EXPECT_EQ(memory.type, GetParam().type);
    EXPECT_EQ(memory.outer, GetParam().outer);
    EXPECT_EQ(memory.inner, GetParam().inner);
}

TEST_P(MemAttrEncoding, OfGbpaIsIgnoredWithoutMtcfg) {
    Bypass machine(GetParam().value | incoming_shareability);
    EXPECT_EQ(machine.read(page).attributes.memory, sim::MemoryAttributes{});
}

TEST_P(MemAttrEncoding, OfASteGivesItsTypeWithMtcfg) {
    RuleMachine machine;
    machine.put_ste(RuleMachine::bypass_ste().set(bits::ste::MTCFG, 1).set(bits::ste::MemAttr, GetParam().value));
    machine.bring_up();
    const sim::MemoryAttributes memory = machine.read(page).attributes.memory;
    EXPECT_EQ(memory.type, GetParam().type);
    EXPECT_EQ(memory.outer, GetParam().outer);
    EXPECT_EQ(memory.inner, GetParam().inner);
}

constexpr Cacheability nc = Cacheability::NonCacheable, wt = Cacheability::WriteThrough, wb = Cacheability::WriteBack;
INSTANTIATE_TEST_SUITE_P(
    Table, MemAttrEncoding,
    testing::Values(MemAttr{0b0000, MemoryType::DeviceNGnRnE}, MemAttr{0b0001, MemoryType::DeviceNGnRE},
                    MemAttr{0b0010, MemoryType::DeviceNGRE}, MemAttr{0b0011, MemoryType::DeviceGRE},
                    MemAttr{0b0100, MemoryType::DeviceNGnRnE}, MemAttr{0b0101, MemoryType::Normal, nc, nc},
                    MemAttr{0b0110, MemoryType::Normal, nc, wt}, MemAttr{0b0111, MemoryType::Normal, nc, wb},
                    MemAttr{0b1000, MemoryType::DeviceNGnRnE}, MemAttr{0b1001, MemoryType::Normal, wt, nc},
                    MemAttr{0b1010, MemoryType::Normal, wt, wt}, MemAttr{0b1011, MemoryType::Normal, wt, wb},
                    MemAttr{0b1100, MemoryType::DeviceNGnRnE}, MemAttr{0b1101, MemoryType::Normal, wb, nc},
                    MemAttr{0b1110, MemoryType::Normal, wb, wt}, MemAttr{0b1111, MemoryType::Normal, wb, wb}));

TEST(SmmuGlobalBypass, TypeOverridesNeedAttrTypesOvr) {
    Bypass machine(0b0000 | 1 << 4 | 0b11 << 12 | 0b1000 << 8,
                   [](spec::Identification& id) { id.idr1.ATTR_TYPES_OVR = 0; });
    EXPECT_EQ(machine.read(page).attributes.memory, sim::MemoryAttributes{});
}

TEST(SmmuGlobalBypass, AgbpaIsRazWi) {
    RuleMachine machine;
    machine.write32(0x48, ~u64{0});
    EXPECT_EQ(machine.read32(0x48), 0u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_bypass
