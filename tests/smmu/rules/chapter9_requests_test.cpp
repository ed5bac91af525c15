// What translation requests are answered (chapter 9.2 of the rules).
#include "smmu/rules/ats_machine.hpp"

namespace smmusim::test::chapter9_requests {
namespace {

using sim::Status;

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
void expect_nothing_granted(const Answer& answer, u64 where) {
    EXPECT_EQ(answer.status, Status::Ok);
    EXPECT_EQ(answer.data, where) << "R = W = 0, of the smallest unit";
    EXPECT_TRUE(answer.events.empty());
}

TEST(SmmuAts, RequestsWhileOffAndOfBypassingStreamsAreUnsupported) {
    {
        AtsMachine machine(ste::Stage1);
        machine.map();
        machine.start(off);
        const Answer answer = machine.send(request(address));
        EXPECT_EQ(answer.status, Status::Unsupported);
        EXPECT_ONLY_EVENT(answer, bad_request(address));
    }
    AtsMachine machine(ste::Bypass);
    machine.start();
    const Answer answer = machine.send(request(address).without_write());
    EXPECT_EQ(answer.status, Status::Unsupported);
    EXPECT_ONLY_EVENT(answer, bad_request(address, false));
}

TEST(SmmuAts, RequestsOfAbortingStreamsAreUnsupportedSilently) {
    AtsMachine machine(ste::Abort);
    machine.start();
    const Answer answer = machine.send(request(address));
    EXPECT_EQ(answer.status, Status::Unsupported);
    EXPECT_TRUE(answer.events.empty());
}

TEST(SmmuAts, ConfigurationErrorsOfRequestsAbortAndAreRecordedWithRecCfgAts) {
    enum Defect { StreamId, SteFetch, BadSte, BadSubstream, Disabled, CdFetch, BadCd, WalkAbort };
    constexpr std::array<u64, 8> numbers{event::C_BAD_STREAMID,    event::F_STE_FETCH,       event::C_BAD_STE,
                                         event::C_BAD_SUBSTREAMID, event::F_STREAM_DISABLED, event::F_CD_FETCH,
                                         event::C_BAD_CD,          event::F_WALK_EABT};
    for (const u64 cr2 : {0b0000, 0b0010, 0b1000, 0b1010})
        for (unsigned defect = 0; defect < numbers.size(); ++defect) {
            AtsMachine machine(ste::Stage1);
            machine.entry.set(ste::V, defect != BadSte).set(ste::S1CDMax, 3);
            machine.entry.set(ste::S1DSS, defect == Disabled ? 0 : 2);
            machine.context.set(cd::V, defect != BadCd);
            machine.map();
            machine.start(everything_on, static_cast<u64>(cr2));
            if (defect == SteFetch) machine.memory.fail(SmmuMachine::strtab + stream * 64, 64);
            if (defect == CdFetch) machine.memory.fail(cd_address, 64);
            if (defect == WalkAbort) machine.memory.fail(machine.first_descriptor(address, 2), 8);
            Ask ask = request(address);
            if (defect == StreamId) ask.of_stream(300);
            if (defect == BadSubstream) ask.of_substream(8);
            const Answer answer = machine.send(ask);
            EXPECT_EQ(answer.status, Status::CompleterAbort) << defect;
            // C_BAD_STREAMID needs RECINVSID as well.
            const bool recorded = (cr2 & 0b1000) != 0 && (defect != StreamId || (cr2 & 0b10) != 0);
            EXPECT_EQ(answer.event(), recorded ? numbers[defect] : 0) << defect << " CR2 " << cr2;
        }
}

TEST(SmmuAts, MissingPagesAreAnsweredWithoutPermissions) {
    constexpr u64 beyond = u64{1} << 41;
    for (const u64 configuration : {ste::Stage1, ste::Stage2})
        for (const u64 change : {u64{1}, beyond, u64{0x400}}) {  // F_TRANSLATION, F_ADDR_SIZE, F_ACCESS
            AtsMachine machine(configuration);
            machine.context.set(cd::IPS, 2);
            machine.entry.set(ste::S2PS, 2);
            machine.map(address, first_leaf ^ change, second_leaf ^ change);
            machine.start();
            expect_nothing_granted(machine.send(request(address)), address);
        }
}

TEST(SmmuAts, MissingTablesAndDescriptorsOfNestedStreamsAreAnsweredWithoutPermissions) {
    for (const u64 own : {TwoStageMachine::first_root, cd_address})
        for (const u64 attributes : {u64{0}, u64{0x73F}}) {  // missing, not readable
            AtsMachine machine(ste::Nested);
            machine.map();
            machine.put_second(own, 3, (own + storage) | attributes);
            machine.start();
            expect_nothing_granted(machine.send(request(address)), address);
        }
}

TEST(SmmuAts, PermissionsThatExistAreReported) {
    struct Row {
        u64 configuration, attributes, granted;
    };
    for (const Row& row :
         {Row{ste::Stage1, 0xF43, readable | writable}, Row{ste::Stage1, 0xFC3, readable}, Row{ste::Stage1, 0xF03, 0},
          Row{ste::Stage2, 0x7FF, readable | writable}, Row{ste::Stage2, 0x77F, readable},
          Row{ste::Stage2, 0x7BF, writable}, Row{ste::Stage2, 0x73F, 0}}) {
        AtsMachine machine(row.configuration);
        machine.map(address, row.attributes, row.attributes);
        machine.start();
        const Answer answer = machine.send(request(address));
        EXPECT_EQ(answer.status, Status::Ok);
        EXPECT_EQ(answer.data & 0x3F, row.granted) << row.configuration << std::hex << row.attributes;
        EXPECT_TRUE(answer.events.empty());
    }
}

TEST(SmmuAts, ExecuteAndPrivilegeAreGrantedOnlyWithAPasidThatAsksForThem) {
    AtsMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 2);
    machine.map(address, 0xFC3);                                       // readable and executable by all
    machine.map(address + 0x1000, 0xF03, second_leaf, page + 0x1000);  // execute-only without privilege
    machine.start();
    machine.memory.write(cd_address + 64, machine.context.words().data(), 64);
    EXPECT_EQ(machine.send(request(address)).data & 0x3F, readable);
    EXPECT_EQ(machine.send(request(address).as_instruction().with_privilege()).data & 0x3F, readable)
        << "no PASID: data, unprivileged";
    EXPECT_EQ(machine.send(request(address).of_substream(1)).data & 0x3F, readable);
    EXPECT_EQ(machine.send(request(address).of_substream(1).as_instruction()).data & 0x3F, readable | executable);
    EXPECT_EQ(machine.send(request(address).of_substream(1).with_privilege()).data & 0x3F, readable | with_privilege);
    EXPECT_EQ(machine.send(request(address + 0x1000).of_substream(1).as_instruction()).data & 0x3F, 0u)
        << "execute-only pages give no access";
}

TEST(SmmuAts, GlobalIsNeverReportedWithAPasid) {
    AtsMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 2);
    machine.map(address, first_leaf & ~u64{0x800});
    machine.start();
    machine.memory.write(cd_address + 64, machine.context.words().data(), 64);
    EXPECT_EQ(machine.send(request(address).of_substream(1)).data & is_global, 0u);
}

TEST(SmmuAts, OverridesOfTheEntryApplyToRequests) {
    AtsMachine machine(ste::Stage1);
    machine.entry.set(ste::PRIVCFG, 3);
    machine.map(address, 0xF03);  // for privileged accesses alone
    machine.start();
    EXPECT_EQ(machine.send(request(address)).data & 3, readable | writable);
}

TEST(SmmuAts, SkippedStage1OfAStage1StreamIsAnsweredByIdentity) {
    AtsMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
    machine.start();
    const u64 data = machine.send(request(address)).data;
    EXPECT_EQ(data & 0x3F, readable | writable);
    // The whole output range: 48 bits.
    EXPECT_EQ(data & ~u64{0xFFF}, 0x7FFF'FFFF'F000u);
    EXPECT_NE(data & larger, 0u);
}

TEST(SmmuAts, SkippedStage1OfANestedStreamLeavesStage2) {
    for (const u64 eats : {1, 2}) {
        AtsMachine machine(ste::Nested, static_cast<u64>(eats));
        machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
        machine.map(address, first_leaf, second_leaf & ~u64{0x80});
        machine.start();
        EXPECT_EQ(machine.send(request(page)).data, (eats == 1 ? page + storage : page) | readable);
    }
}

TEST(SmmuAts, RequestsSetTheAccessFlagAndTheDirtyStateOnlyIfWritesAreWanted) {
    constexpr u64 clean = 0xFC3 | u64{1} << 51;
    for (const bool no_write : {false, true}) {
        AtsMachine machine(ste::Stage1);
        machine.context.set(cd::HA, 1).set(cd::HD, 1);
        machine.map(address, clean & ~u64{0x400});
        machine.start();
        Ask ask = request(address);
        ask.no_write = no_write;
        const Answer answer = machine.send(ask);
        EXPECT_EQ(answer.data & 3, no_write ? readable : readable | writable);
        EXPECT_EQ(machine.memory.u64_at(machine.first_descriptor(address, 3)),
                  page | (no_write ? clean : clean & ~u64{0x80}));
    }
}

TEST(SmmuAts, RequestsNeverStallNorReadAsZero) {
    AtsMachine machine(ste::Stage1);
    machine.context.set(cd::S, 1).set(cd::A, 0);
    machine.start();
    expect_nothing_granted(machine.send(request(address)), address);
    EXPECT_EQ(machine.smmu.stalled(), 0u);
}

TEST(SmmuAts, SmallestUnitIsTheSmallestGranule) {
    struct Row {
        u8 has_4k, has_16k;
        u64 expected;  ///< address and size bits of an answer that grants nothing, at 0x12345'6000
    };
    for (const Row& row : {Row{1, 1, 0x1'2345'6000}, Row{0, 1, 0x1'2345'5800}, Row{0, 0, 0x1'2345'7800}}) {
        AtsMachine machine(ste::Stage1, 1, TwoStageMachine::with([&](spec::Identification& id) {
                               id.idr5.GRAN4K = row.has_4k;
                               id.idr5.GRAN16K = row.has_16k;
                           }));
        machine.first_tables(16, 16, 1);
        machine.start();
        EXPECT_EQ(machine.send(request(0x1'2345'6000)).data, row.expected);
    }
}

}  // namespace
}  // namespace smmusim::test::chapter9_requests
