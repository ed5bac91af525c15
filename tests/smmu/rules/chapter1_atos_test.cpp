// Address translation operations by registers.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_atos {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova;
constexpr u64 ctrl = 0x100, sid = 0x108, addr = 0x110, par = 0x118;
constexpr u64 stage1 = 1 << 10, stage2 = 2 << 10, both = 3 << 10, privileged = 1 << 9, reads = 1 << 8, code = 1 << 7;
constexpr u64 substream_valid = u64{1} << 52;
constexpr u64 invalid_request = 0xFF, invalid_stage = 0xFE;

struct Operation : RuleMachine {
    explicit Operation(const Change& change = {}) : RuleMachine(change) {
        root = set_up_nested();
        put_ste(9, stage1_ste());
        put_ste(10, stage2_ste());
        map(root, iova + 0x1000, u64{5} << 30, page_attributes);  // stage 2 has nothing there
        bring_up();
    }
    u64 operate(u64 of_stream, u64 how, u64 address = iova) {
        write64(sid, of_stream);
        write64(addr, address | how);
        write32(ctrl, 1);
        run();
        EXPECT_EQ(read32(ctrl), 0u);
        return read64(par);
    }
    /// FAULTCODE of an operation that fails.
    u64 failure(u64 of_stream, u64 how, u64 address = iova) {
        const u64 result = operate(of_stream, how, address);
        EXPECT_EQ(result & 1, 1u);
        return result >> 4 & 0xFF;
    }
    u64 root = 0;
};
u64 reason(u64 result) { return result >> 1 & 3; }
constexpr u64 address_bits = 0x00FF'FFFF'FFFF'F000;

TEST(SmmuAtos, RunStartsAndClears) {
    Operation machine;
    machine.memory.hold(SmmuMachine::strtab, 0x1000);
    machine.write64(sid, 9);
    machine.write64(addr, iova | stage1 | reads);
    machine.write32(ctrl, 1);
    machine.run();
    EXPECT_EQ(machine.read32(ctrl), 1u);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.read32(ctrl), 0u);
    EXPECT_EQ(machine.read64(par) & address_bits, page);
}

TEST(SmmuAtos, RunIsIgnoredWhileDisabled) {
    RuleMachine machine;
    machine.write32(ctrl, 1);
    machine.run();
    EXPECT_EQ(machine.read32(ctrl), 0u);
}

TEST(SmmuAtos, RegistersAreReservedWithoutAtos) {
    RuleMachine machine([](spec::Identification& id) { id.idr0.ATOS = 0; });
    machine.bring_up();
    EXPECT_EQ(machine.read32(0x00) >> 15 & 1, 0u);
    for (const u64 offset : {ctrl, sid, sid + 4, addr, addr + 4, par}) {
        machine.write32(offset, ~u64{0});
        machine.run();
        EXPECT_EQ(machine.read32(offset), 0u) << offset;
    }
}

TEST(SmmuAtos, RegistersAreGuardedByRun) {
    Operation machine;
    machine.memory.hold(SmmuMachine::strtab, 0x1000);
    machine.write64(sid, 9);
    machine.write64(addr, iova | stage1 | reads);
    machine.write32(ctrl, 1);
    machine.write64(sid, 10);
    machine.write64(addr, stage2);
    EXPECT_EQ(machine.read64(sid), 9u);
    EXPECT_EQ(machine.read64(addr), iova | stage1 | reads);
    machine.memory.release();
    machine.run();
    machine.write64(sid, 10);
    EXPECT_EQ(machine.read64(sid), 10u);
}

TEST(SmmuAtos, ResultIsReadOnly) {
    Operation machine;
    const u64 result = machine.operate(9, stage1 | reads);
    machine.write64(par, ~result);
    EXPECT_EQ(machine.read64(par), result);
}

TEST(SmmuAtos, DisablingTheSmmuEndsIt) {
    Operation machine;
    machine.memory.hold(SmmuMachine::strtab, 0x1000);
    machine.write64(sid, 9);
    machine.write64(addr, iova | stage1 | reads);
    machine.write32(ctrl, 1);
    machine.write_cr0(0b1100);
    EXPECT_EQ(machine.read32(ctrl), 0u);
    machine.memory.release();
    machine.run();
}

TEST(SmmuAtos, EnablingClearsRun) {
    Operation machine;
    machine.memory.hold(SmmuMachine::strtab, 0x1000);
    machine.write64(sid, 9);
    machine.write64(addr, iova | stage1 | reads);
    machine.write32(ctrl, 1);
    machine.write_cr0(0b1100);
    machine.memory.release();
    machine.write_cr0(0b1101);
    EXPECT_EQ(machine.read32(ctrl), 0u);
    EXPECT_EQ(machine.operate(9, stage1 | reads) & address_bits, page);
}

TEST(SmmuAtos, TranslatesStage1) {
    Operation machine;
    EXPECT_EQ(machine.operate(9, stage1 | reads) & (address_bits | 1), page);
    EXPECT_EQ(machine.operate(RuleMachine::stream, stage1 | reads, iova + 0x1000) & (address_bits | 1), u64{5} << 30)
        << "the intermediate address of a nested stream";
}

TEST(SmmuAtos, TranslatesStage2) {
    Operation machine;
    machine.memory.put(RuleMachine::stage2_root + 3 * 8, SmmuMachine::ram | RuleMachine::stage2_block);
    const u64 result = machine.operate(10, stage2 | reads, u64{3} << 30);
    EXPECT_EQ(result & 1, 0u);
    EXPECT_EQ(result >> 11 & 1, 1u) << "larger than 4 KiB";
    EXPECT_EQ(result & address_bits, SmmuMachine::ram | u64{1} << 29) << "1 GiB";
}

TEST(SmmuAtos, TranslatesBothStages) {
    Operation machine;
    EXPECT_EQ(machine.operate(RuleMachine::stream, both | reads) & (address_bits | 1), page);
}

TEST(SmmuAtos, UsesStreamAndSubstream) {
    Operation machine;
    machine.put_ste(9, RuleMachine::stage1_ste().set(ste::S1CDMax, 2));
    const u64 other = machine.table();
    machine.put(SmmuMachine::cds + 3 * 64, RuleMachine::stage1_cd(other).set(cd::ASID, 7));
    machine.map(other, iova, page + 0x5000);
    EXPECT_EQ(machine.operate(substream_valid | u64{3} << 32 | 9, stage1 | reads) & address_bits, page + 0x5000);
    EXPECT_EQ(machine.failure(9, stage1 | reads), bits::event::F_STREAM_DISABLED);
}

TEST(SmmuAtos, ChecksDirectionPrivilegeAndKind) {
    constexpr u64 privileged_only = RuleMachine::page_attributes & ~u64{1 << 6}, read_only = 1 << 7,
                  never_executed = u64{3} << 53;
    Operation machine;
    machine.map(machine.root, iova + 0x2000, page, privileged_only);
    machine.map(machine.root, iova + 0x3000, page, RuleMachine::page_attributes | read_only);
    machine.map(machine.root, iova + 0x4000, page, RuleMachine::page_attributes | never_executed);
    EXPECT_EQ(machine.failure(9, stage1 | reads, iova + 0x2000), bits::event::F_PERMISSION);
    EXPECT_EQ(machine.operate(9, stage1 | reads | privileged, iova + 0x2000) & 1, 0u);
    EXPECT_EQ(machine.failure(9, stage1, iova + 0x3000), bits::event::F_PERMISSION);
    EXPECT_EQ(machine.operate(9, stage1 | reads, iova + 0x3000) & 1, 0u);
    EXPECT_EQ(machine.failure(9, stage1 | reads | code, iova + 0x4000), bits::event::F_PERMISSION);
    EXPECT_EQ(machine.operate(9, stage1 | reads, iova + 0x4000) & 1, 0u);
}

TEST(SmmuAtos, IgnoresInstcfgAndPrivcfg) {
    constexpr u64 never_executed = u64{3} << 53;
    Operation machine;
    machine.map(machine.root, iova + 0x2000, page, RuleMachine::page_attributes & ~u64{1 << 6});
    machine.map(machine.root, iova + 0x4000, page, RuleMachine::page_attributes | never_executed);
    machine.put_ste(9, RuleMachine::stage1_ste().set(ste::PRIVCFG, 0b11).set(ste::INSTCFG, 0b11));
    EXPECT_EQ(machine.failure(9, stage1 | reads, iova + 0x2000), bits::event::F_PERMISSION);
    EXPECT_EQ(machine.operate(9, stage1 | reads, iova + 0x4000) & 1, 0u);
}

TEST(SmmuAtos, ResultHasAddressAttributesAndSize) {
    Operation machine;
    const u64 result = machine.operate(9, stage1 | reads, iova);
    EXPECT_EQ(result >> 56, 0xFFu) << "MAIR of index 0";
    EXPECT_EQ(result >> 8 & 3, 0b11u) << "Inner Shareable, as the leaf says";
    EXPECT_EQ(result >> 11 & 1, 0u) << "4 KiB";
    EXPECT_EQ(result & address_bits, page);
}

TEST(SmmuAtos, FaultHasReasonCodeAndAddress) {
    Operation machine;
    const u64 first = machine.operate(RuleMachine::stream, both | reads, iova + 0x9000);
    EXPECT_EQ(first & 0xFFF, u64{bits::event::F_TRANSLATION} << 4 | 1);
    const u64 input = machine.operate(RuleMachine::stream, both | reads, iova + 0x1000);
    EXPECT_EQ(input >> 4 & 0xFF, bits::event::F_TRANSLATION);
    EXPECT_EQ(reason(input), 0b11u) << "IN";
    EXPECT_EQ(input & address_bits, u64{5} << 30);
    machine.put_cd(RuleMachine::stage1_cd(u64{6} << 30));
    machine.command(cmd::cfgi_all, 31);
    machine.command(cmd::tlbi_nsnh_all);
    machine.run_commands();
    const u64 tables = machine.operate(RuleMachine::stream, both | reads);
    EXPECT_EQ(reason(tables), 0b10u) << "TT";
    EXPECT_EQ(tables & address_bits, u64{6} << 30);
    machine.put_ste(RuleMachine::nested_ste().set(ste::S1ContextPtr, u64{7} << 30));
    machine.command(cmd::cfgi_all, 31);
    machine.run_commands();
    const u64 descriptor = machine.operate(RuleMachine::stream, both | reads);
    EXPECT_EQ(reason(descriptor), 0b01u) << "CD";
    EXPECT_EQ(descriptor & address_bits, u64{7} << 30);
}

TEST(SmmuAtos, RecordsNothingAndNeverStalls) {
    Operation machine;
    machine.put_cd(RuleMachine::stage1_cd(machine.root).set(cd::S, 1));
    machine.failure(9, stage1 | reads, iova + 0x9000);
    machine.failure(0x1000, stage1 | reads);
    machine.failure(11, stage1 | reads);
    EXPECT_EQ(machine.events(), 0u);
    EXPECT_EQ(machine.smmu.stalled(), 0u);
}

TEST(SmmuAtos, ErrorsHaveTheirPriority) {
    Operation machine;
    EXPECT_EQ(machine.failure(0x1000, reads), invalid_request) << "no stage, before the bad stream";
    EXPECT_EQ(machine.failure(substream_valid | 10, stage2 | reads), invalid_request);
    EXPECT_EQ(machine.failure(0x1000, stage2 | reads), bits::event::C_BAD_STREAMID);
    EXPECT_EQ(machine.failure(11, stage2 | reads), bits::event::C_BAD_STE);
    EXPECT_EQ(machine.failure(9, stage2 | reads), invalid_stage);
    EXPECT_EQ(machine.failure(9, both | reads), invalid_stage);
    EXPECT_EQ(machine.failure(10, stage1 | reads), invalid_stage);
    machine.put_cd(CdBuilder());
    machine.put_ste(12, RuleMachine::stage1_ste());
    EXPECT_EQ(machine.failure(12, stage2 | reads), invalid_stage) << "before the descriptor";
    EXPECT_EQ(machine.failure(12, stage1 | reads), bits::event::C_BAD_CD);
    machine.memory.fail(SmmuMachine::strtab + 13 * 64, 64);
    EXPECT_EQ(machine.failure(13, stage2 | reads), bits::event::F_STE_FETCH);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_atos
