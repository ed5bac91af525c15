// Commands: which are legal, and what the CFGI commands remove.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter5_commands {
namespace {

using Change = RuleMachine::Change;

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova;
constexpr u64 secure_stream = 1 << 10;
using Reads = RuleMachine::Reads;

/// The error code that the command ends in; 0: it is consumed.
u64 error_of(u64 low, u64 high = 0, const Change& change = {}, bool enabled = true) {
    RuleMachine machine(change);
    machine.bring_up(enabled);
    machine.command(low, high);
    machine.run_commands();
    EXPECT_EQ(machine.all_consumed(), !machine.command_error_active());
    return machine.command_error_active() ? machine.error() : 0;
}
constexpr u64 illegal = 0x01;

TEST(SmmuCommands, KnownOpcodesAreLegalAndReservedOnesAreNot) {
    // Of the Non-secure queue, without MPAM and device permission tables.
    const std::vector<u64> known{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x20,
                                 0x21, 0x22, 0x23, 0x28, 0x2A, 0x30, 0x40, 0x41, 0x44, 0x45, 0x46};
    for (u64 opcode = 0; opcode < 256; ++opcode) {
        const bool expected = std::find(known.begin(), known.end(), opcode) != known.end();
        EXPECT_EQ(error_of(opcode), expected ? 0 : illegal) << opcode;
    }
}

TEST(SmmuCommands, SecureStreamsAreIllegal) {
    for (const u64 opcode : {0x01u, 0x02u, 0x03u, 0x04u, 0x05u, 0x06u, 0x44u, 0x45u}) {
        EXPECT_EQ(error_of(opcode | secure_stream), illegal) << opcode;
        EXPECT_EQ(error_of(opcode), 0u) << opcode;
    }
}

TEST(SmmuCommands, CommandsOfSecureStateAreIllegal) {
    for (const u64 opcode : {0x18u, 0x1Au, 0x50u, 0x51u, 0x52u, 0x53u, 0x58u, 0x5Au, 0x60u})
        EXPECT_EQ(error_of(opcode), illegal) << opcode;
}

TEST(SmmuCommands, CommandsOfStage1NeedIt) {
    const auto without = [](spec::Identification& id) { id.idr0.S1P = 0; };
    for (const u64 opcode : {0x05u, 0x06u, 0x10u, 0x11u, 0x12u, 0x13u})
        EXPECT_EQ(error_of(opcode, 0, without), illegal) << opcode;
    for (const u64 opcode : {0x03u, 0x04u, 0x28u, 0x2Au, 0x30u, 0x46u})
        EXPECT_EQ(error_of(opcode, 0, without), 0u) << opcode;
}

TEST(SmmuCommands, CommandsOfStage2NeedIt) {
    const auto without = [](spec::Identification& id) { id.idr0.S2P = 0; };
    for (const u64 opcode : {0x28u, 0x2Au}) EXPECT_EQ(error_of(opcode, 0, without), illegal) << opcode;
    for (const u64 opcode : {0x10u, 0x11u, 0x12u, 0x13u, 0x30u}) EXPECT_EQ(error_of(opcode, 0, without), 0u) << opcode;
}

TEST(SmmuCommands, CommandsOfEl2NeedHyp) {
    const auto without = [](spec::Identification& id) { id.idr0.Hyp = 0; };
    for (const u64 opcode : {0x20u, 0x21u, 0x22u, 0x23u}) EXPECT_EQ(error_of(opcode, 0, without), illegal) << opcode;
}

TEST(SmmuCommands, AtcInvNeedsAts) {
    EXPECT_EQ(error_of(0x40, 0, [](spec::Identification& id) { id.idr0.ATS = 0; }), illegal);
}

TEST(SmmuCommands, PriRespNeedsPriAndALegalResponse) {
    EXPECT_EQ(error_of(0x41, 0, [](spec::Identification& id) { id.idr0.PRI = 0; }), illegal);
    for (u64 response = 0; response < 4; ++response)
        EXPECT_EQ(error_of(0x41, response << 12), response == 3 ? illegal : 0) << response;
}

TEST(SmmuCommands, ResumeAndStallTermNeedTheStallModel) {
    for (const u64 opcode : {0x44u, 0x45u})
        for (const u8 model : {0, 1, 2})
            EXPECT_EQ(error_of(opcode, 0, [model](spec::Identification& id) { id.idr0.STALL_MODEL = model; }),
                      model == 1 ? illegal : 0)
                << opcode;
}

TEST(SmmuCommands, SyncRefusesAReservedSignal) {
    for (u64 signal = 0; signal < 4; ++signal)
        EXPECT_EQ(error_of(0x46 | signal << 12), signal == 3 ? illegal : 0) << signal;
}

TEST(SmmuCommands, ReservedFieldsAreIgnored) {
    EXPECT_EQ(error_of(0x46 | u64{0xF} << 16, u64{0xFF} << 56), 0u);
    EXPECT_EQ(error_of(0x30 | ~u64{0xFF}, ~u64{0}), 0u);
    EXPECT_EQ(error_of(0x03 | 1 << 8, ~u64{1}), 0u);
}

TEST(SmmuCommands, TargetsOutOfRangeAreNoError) {
    EXPECT_EQ(error_of(0x03 | u64{0xFFFF'FFFF} << 32), 0u);
    EXPECT_EQ(error_of(0x05 | u64{0xF'FFFF} << 12 | u64{0xFFFF'FFFF} << 32), 0u);
    EXPECT_EQ(error_of(0x01 | u64{0xFFFF'FFFF} << 32), 0u);
    EXPECT_EQ(error_of(0x44 | u64{0xFFFF'FFFF} << 32, 0xFFFF), 0u);
    EXPECT_EQ(error_of(0x12 | ~u64{0} << 32, ~u64{0} << 12), 0u);
}

TEST(SmmuCommands, AtsCommandsAreIgnoredWhileDisabled) {
    EXPECT_EQ(error_of(0x40, 0, {}, false), 0u);
    EXPECT_EQ(error_of(0x41, u64{2} << 12, {}, false), 0u);
}

TEST(SmmuCommands, AbsentRangesIgnoreTheirFields) {
    const auto without = [](spec::Identification& id) { id.idr3.RIL = 0; };
    EXPECT_EQ(error_of(0x12, u64{1} << 10), illegal) << "TG without a range or a level";
    EXPECT_EQ(error_of(0x12, u64{1} << 10, without), 0u);
}

// Configuration caches.

/// Three streams with stage 1, 4 descriptors each; all of it cached.
struct ConfigurationMachine : RuleMachine {
    static constexpr std::array<u32, 3> streams{8, 9, 16};
    ConfigurationMachine() {
        for (const u32 of_stream : streams) {
            const u64 table_of_stream = context(of_stream, 0);
            put_ste(of_stream, stage1_ste(table_of_stream).set(bits::ste::S1CDMax, 2).set(bits::ste::S1DSS, 0b10));
            for (u64 index = 0; index < 4; ++index) {
                const u64 root = table();
                put(context(of_stream, index), stage1_cd(root).set(bits::cd::ASID, of_stream * 4 + index));
                map(root, iova, page);
            }
        }
        bring_up();
        for (const u32 of_stream : streams) {
            for (const u32 substream : {1, 2}) EXPECT_TRUE(ask(of_stream, iova, {.substream = substream}).passed());
            EXPECT_TRUE(ask(of_stream, iova).passed());
        }
    }
    static u64 context(u32 of_stream, u64 index) { return cds + of_stream * 0x100 + index * 64; }
    void invalidate(u64 low, u64 high = 0) {
        command(low, high);
        command(cmd::sync);
        run_commands();
        EXPECT_TRUE(all_consumed());
    }
    /// STEs and CDs that have to be read again, first for SubstreamID 1, then 2, then none.
    std::vector<std::size_t> structures_read(u32 of_stream) {
        std::vector<std::size_t> result;
        for (const u32 substream : {1, 2})
            result.push_back(reads_of(iova, of_stream, {.substream = substream}).structures);
        result.push_back(reads_of(iova, of_stream).structures);
        return result;
    }
};
using Counts = std::vector<std::size_t>;
const Counts none{0, 0, 0};
const Counts all{2, 1, 1};  // the STE once, every CD
u64 of(u64 opcode, u64 of_stream, u64 substream = 0) { return opcode | substream << 12 | of_stream << 32; }

TEST(SmmuConfigurationInvalidation, CfgiSteRemovesTheEntryAndItsDescriptors) {
    for (const u64 leaf : {0, 1}) {
        ConfigurationMachine machine;
        machine.invalidate(of(0x03, 8), leaf);
        EXPECT_EQ(machine.structures_read(8), all);
        EXPECT_EQ(machine.structures_read(9), none);
    }
}

TEST(SmmuConfigurationInvalidation, CfgiSteRangeRemovesAnAlignedBlock) {
    ConfigurationMachine machine;
    machine.invalidate(of(0x04, 9), 0);  // 2 streams: 8 and 9
    EXPECT_EQ(machine.structures_read(8), all);
    EXPECT_EQ(machine.structures_read(9), all);
    EXPECT_EQ(machine.structures_read(16), none);
    ConfigurationMachine wider;
    wider.invalidate(of(0x04, 30), 4);  // 32 streams from 0
    EXPECT_EQ(wider.structures_read(8), all);
    EXPECT_EQ(wider.structures_read(16), all);
}

TEST(SmmuConfigurationInvalidation, CfgiAllIgnoresTheStream) {
    ConfigurationMachine machine;
    machine.invalidate(of(0x04, 0xFFFF'FFFF), 31);
    for (const u32 stream : ConfigurationMachine::streams) EXPECT_EQ(machine.structures_read(stream), all);
}

TEST(SmmuConfigurationInvalidation, CfgiCdRemovesOneDescriptor) {
    for (const u64 leaf : {0, 1}) {
        ConfigurationMachine machine;
        machine.invalidate(of(0x05, 8, 2), leaf);
        EXPECT_EQ(machine.structures_read(8), (Counts{0, 1, 0}));
        EXPECT_EQ(machine.structures_read(9), none);
    }
    ConfigurationMachine zero;
    zero.invalidate(of(0x05, 8, 0), 1);
    EXPECT_EQ(zero.structures_read(8), (Counts{0, 0, 1})) << "transactions without SubstreamID";
}

TEST(SmmuConfigurationInvalidation, CfgiCdAllRemovesTheDescriptorsOfAStream) {
    ConfigurationMachine machine;
    machine.invalidate(of(0x06, 8));
    EXPECT_EQ(machine.structures_read(8), (Counts{1, 1, 1}));
    EXPECT_EQ(machine.structures_read(9), none);
}

TEST(SmmuConfigurationInvalidation, TranslationsStay) {
    ConfigurationMachine machine;
    machine.invalidate(of(0x04, 0), 31);
    // One fault each fetches the configuration; the translation is still there.
    machine.ask(8, iova + 0x10'0000, {.substream = 1});
    EXPECT_EQ(machine.reads_of(iova, 8, {.substream = 1}), Reads{});
}

TEST(SmmuConfigurationInvalidation, TlbiLeavesTheConfiguration) {
    ConfigurationMachine machine;
    machine.invalidate(0x30);
    EXPECT_EQ(machine.reads_of(iova, 8, {.substream = 1}), (Reads{4, 0}));
}

TEST(SmmuConfigurationInvalidation, CfgiSteRemovesTheFirstLevelOfTheStreamTable) {
    RuleMachine machine;
    machine.bring_up(false);
    machine.write32(0x88, 1 << 16 | 6 << 6 | 14);
    machine.write_cr0(0b1101);
    machine.memory.put(SmmuMachine::strtab, SmmuMachine::cds | 7);
    machine.put(SmmuMachine::cds + 8 * 64, RuleMachine::bypass_ste());
    ASSERT_TRUE(machine.read(page).passed());
    // Another leaf table, where the entry aborts.
    machine.memory.put(SmmuMachine::strtab, (SmmuMachine::cds + 0x1'0000) | 7);
    machine.put(SmmuMachine::cds + 0x1'0000 + 8 * 64, RuleMachine::bypass_ste().set(bits::ste::Config, 0));
    machine.command(of(0x03, 8), 0);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.read(page).aborted());
}

TEST(SmmuConfigurationInvalidation, ChangedDescriptorCountsAfterItsInvalidation) {
    RuleMachine machine;
    machine.set_up_stage1();
    machine.bring_up();
    ASSERT_TRUE(machine.read(iova).passed());
    machine.put_cd(CdBuilder());  // V = 0
    machine.command(of(0x05, 8), 1);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.read(iova).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_CD);
}

// Prefetches.

TEST(SmmuPrefetch, ConfigurationIsFetchedAhead) {
    RuleMachine machine;
    machine.set_up_stage1();
    machine.bring_up();
    machine.command(of(0x01, 8));
    machine.run_commands();
    EXPECT_EQ(machine.reads_of(iova), (Reads{4, 0}));
}

TEST(SmmuPrefetch, TranslationsAreFetchedAheadAtTheirStride) {
    RuleMachine machine(RuleMachine::WithConfig{},
                        [](uarch::SmmuConfig& config) { config.tcu.walk_cache = {.entries = 64, .ways = 4}; });
    const u64 root = machine.set_up_stage1();
    for (u64 count = 1; count < 4; ++count) machine.map(root, iova + count * 0x2000, page + count * 0x2000);
    machine.bring_up();
    machine.memory.log.clear();
    machine.command(of(0x02, 8), iova | 2 | 1 << 5);  // four of them, 8 KiB apart
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed());
    for (u64 count = 0; count < 4; ++count)
        EXPECT_EQ(machine.memory.reads(machine.leaf_address(root, iova + count * 0x2000), 8), 1u) << count;
}

TEST(SmmuPrefetch, FaultsLeaveNoEvent) {
    RuleMachine machine;
    machine.set_up_stage1();
    machine.bring_up();
    machine.command(of(0x02, 8), iova + 0x10'0000);
    machine.command(of(0x02, 9), iova);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed());
    EXPECT_EQ(machine.events(), 0u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter5_commands
