// Every event record, bit by bit, and what brings it about (chapter 6.1 to 6.4 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter6_events {
namespace {

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_root = TwoStageMachine::first_root;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
constexpr u64 access_flag = 0x400;

// 6.1 Common fields.

TEST(SmmuEvents, AccessIsRecordedWithPrivilegeKindAndDirection) {
    TwoStageMachine machine(ste::Stage1);
    machine.start();
    struct Row {
        Ask ask;
        bool pnu, ind, rnw;
    };
    for (const Row& row :
         {Row{read(address), false, false, true}, Row{write(address), false, false, false},
          Row{fetch(address), false, true, true}, Row{read(address).with_privilege(), true, false, true},
          Row{write(address).with_privilege(), true, false, false},
          Row{fetch(address).with_privilege(), true, true, true}, Row{atomic(address), false, false, false},
          Row{write(address).as_instruction(), false, false, false}}) {
        const Answer answer = machine.send(row.ask);
        EXPECT_ONLY_EVENT(
            answer, fault(event::F_TRANSLATION, address, row.rnw).set(event::PnU, row.pnu).set(event::InD, row.ind));
    }
}

TEST(SmmuEvents, AccessIsRecordedAsTheStreamTableEntryOverridesIt) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::PRIVCFG, 3).set(ste::INSTCFG, 3);
    machine.start();
    const Answer loaded = machine.send(read(address));
    EXPECT_ONLY_EVENT(loaded, fault(event::F_TRANSLATION, address).set(event::PnU, 1).set(event::InD, 1));
    const Answer stored = machine.send(write(address));
    EXPECT_ONLY_EVENT(stored, fault(event::F_TRANSLATION, address, false).set(event::PnU, 1));
}

TEST(SmmuEvents, InputAddressIsRecordedWithItsTag) {
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::TBI0, 1);
    machine.start();
    const Answer answer = machine.send(read(0xAB00'0012'3456'7ABC & ~u64{7}));
    EXPECT_ONLY_EVENT(answer, fault(event::F_TRANSLATION, 0xAB00'0012'3456'7AB8));
}

TEST(SmmuEvents, SubstreamIsRecordedWithItsValidBit) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3);
    machine.start();
    machine.memory.write(cd_address + 5 * 64, machine.context.words().data(), 64);
    const Answer answer = machine.send(read(address).of_substream(5));
    EXPECT_ONLY_EVENT(answer, fault(event::F_TRANSLATION, address).set(event::SSV, 1).set(event::SubstreamID, 5));
}

TEST(SmmuEvents, IntermediateAddressIsRecordedFromBit12) {
    TwoStageMachine machine;
    machine.map(address, first_leaf, 0);
    machine.put_second(page, 3, 0);
    machine.start();
    const Answer answer = machine.send(read(address + 0xAB8));
    EXPECT_ONLY_EVENT(answer, second_fault(event::F_TRANSLATION, address + 0xAB8, event::IN, page));
}

// 6.2 One record per event, without anything that the event does not define.

TEST(SmmuEvents, BadStreamIdIsRecordedIfRecinvsidSaysSo) {
    for (const u64 recinvsid : {0, 1}) {
        TwoStageMachine machine(ste::Bypass);
        machine.start(static_cast<u64>(recinvsid) << 1);
        const Answer answer = machine.send(read(address).of_stream(256));
        EXPECT_EQ(answer.status, sim::Status::CompleterAbort);
        if (recinvsid == 0) {
            EXPECT_TRUE(answer.events.empty());
            continue;
        }
        EXPECT_ONLY_EVENT(answer, record(event::C_BAD_STREAMID, 256));
    }
}

TEST(SmmuEvents, BadStreamIdCarriesTheSubstream) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    const Answer answer = machine.send(read(address).of_stream(300).of_substream(7));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_STREAMID, 300).set(event::SSV, 1).set(event::SubstreamID, 7));
}

TEST(SmmuEvents, AbortedFetchOfTheStreamTableEntryIsRecordedWithItsAddress) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    machine.memory.fail(SmmuMachine::strtab + stream * 64, 64);
    const Answer answer = machine.send(write(address).of_substream(9));
    EXPECT_EQ(answer.status, sim::Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, record(event::F_STE_FETCH)
                                  .set(event::SSV, 1)
                                  .set(event::SubstreamID, 9)
                                  .set(event::FetchAddr, SmmuMachine::strtab + stream * 64));
}

TEST(SmmuEvents, AbortedFetchOfTheLevel1StreamDescriptorIsRecordedWithItsAddress) {
    constexpr u64 level1 = 0x4200'0000;
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    machine.use_stream_table(level1, u64{1} << 16 | 6 << 6 | 8);
    machine.memory.fail(level1 + 8, 8);
    const Answer answer = machine.send(read(address).of_stream(70));
    EXPECT_ONLY_EVENT(answer, record(event::F_STE_FETCH, 70).set(event::FetchAddr, level1 + 8));
}

TEST(SmmuEvents, StreamTableBeyondTheOutputSizeEndsInAFetchFault) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Bypass, [](spec::Identification& id) { id.idr5.OAS = 2; });
    machine.start();
    constexpr u64 beyond = u64{1} << 44;
    machine.use_stream_table(beyond, 8);
    const Answer answer = machine.send(read(0x1000));
    EXPECT_ONLY_EVENT(answer, record(event::F_STE_FETCH).set(event::FetchAddr, beyond + stream * 64));
    EXPECT_EQ(machine.memory.reads(beyond, 0x1'0000), 0u);
}

TEST(SmmuEvents, BadStreamTableEntryIsRecorded) {
    TwoStageMachine machine(ste::Bypass);
    machine.entry.set(ste::V, 0);
    machine.start();
    const Answer answer = machine.send(read(address).of_substream(3));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_STE).set(event::SSV, 1).set(event::SubstreamID, 3));
}

TEST(SmmuEvents, DisabledStreamIsRecordedWithoutSubstream) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 2);
    machine.start();
    const Answer with = machine.send(read(address).of_substream(0));
    EXPECT_ONLY_EVENT(with, record(event::F_STREAM_DISABLED));
    machine.entry.set(ste::S1DSS, 0);
    machine.write_structures();
    machine.execute({command::cfgi_ste(stream)});
    const Answer without = machine.send(read(address));
    EXPECT_ONLY_EVENT(without, record(event::F_STREAM_DISABLED));
}

TEST(SmmuEvents, BadSubstreamIdIsRecordedWithoutValidBit) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3);
    machine.start();
    const Answer answer = machine.send(read(address).of_substream(8));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_SUBSTREAMID).set(event::SubstreamID, 8));
}

TEST(SmmuEvents, InvalidLevel1DescriptorOfCdsIsABadSubstreamId) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 8).set(ste::S1Fmt, 1);
    machine.start();
    machine.memory.put(cd_address + 8, u64{0x8900'0000});  // V = 0
    const Answer answer = machine.send(read(address).of_substream(64));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_SUBSTREAMID).set(event::SubstreamID, 64));
}

TEST(SmmuEvents, AbortedFetchOfTheContextDescriptorIsRecordedWithItsPhysicalAddress) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        TwoStageMachine machine(configuration);
        machine.map();
        machine.start();
        machine.memory.fail(machine.stored(cd_address), 64);
        const Answer answer = machine.send(write(address));
        EXPECT_EQ(answer.status, sim::Status::CompleterAbort);
        EXPECT_ONLY_EVENT(answer, record(event::F_CD_FETCH).set(event::FetchAddr, machine.stored(cd_address)));
    }
}

TEST(SmmuEvents, AbortedFetchOfTheLevel1DescriptorOfCdsIsRecordedWithItsPhysicalAddress) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        TwoStageMachine machine(configuration);
        machine.entry.set(ste::S1CDMax, 8).set(ste::S1Fmt, 1);
        machine.start();
        machine.memory.fail(machine.stored(cd_address) + 8, 8);
        const Answer answer = machine.send(write(address).of_substream(64));
        EXPECT_ONLY_EVENT(answer, record(event::F_CD_FETCH)
                                      .set(event::SSV, 1)
                                      .set(event::SubstreamID, 64)
                                      .set(event::FetchAddr, machine.stored(cd_address) + 8));
    }
}

TEST(SmmuEvents, BadContextDescriptorIsRecorded) {
    TwoStageMachine machine;
    machine.context.set(cd::V, 0);
    machine.start();
    const Answer answer = machine.send(write(address));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_CD));
}

TEST(SmmuEvents, RecordsAreNeverMerged) {
    for (const u64 merging_allowed : {0, 1}) {
        TwoStageMachine machine(ste::Stage1);
        machine.entry.set(ste::MEV, static_cast<u64>(merging_allowed));
        machine.start();
        Client first(machine.simulation), second(machine.simulation), third(machine.simulation);
        machine.post(first, read(address));
        machine.post(second, read(address));
        machine.post(third, read(address + 8));
        machine.run();
        EXPECT_EQ(machine.take_events().size(), 3u);
    }
}

TEST(SmmuEvents, TransactionsThatPassLeaveNoRecord) {
    TwoStageMachine machine;
    machine.map();
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_TRUE(machine.send(write(address)).passed());
    EXPECT_EQ(machine.events(), 0u);
}

TEST(SmmuEvents, ContiguousEntriesAreLookedUpOneByOne) {
    // STE.CONT claims that streams 8 to 15 are alike; they are not.
    TwoStageMachine machine(ste::Bypass);
    machine.entry.set(ste::CONT, 3);
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    const Answer answer = machine.send(read(address).of_stream(9));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_STE, 9));
}

// 6.3 Stage, CLASS and addresses by situation.

TEST(SmmuEvents, FaultsOfStage1AreOfClassIn) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        struct Row {
            u64 descriptor;
            event::Number number;
        };
        constexpr u64 beyond = u64{1} << 41;
        for (const Row& row : {Row{0, event::F_TRANSLATION}, Row{page | (first_leaf & ~u64{2}), event::F_TRANSLATION},
                               Row{(page + beyond) | first_leaf, event::F_ADDR_SIZE},
                               Row{page | (first_leaf & ~access_flag), event::F_ACCESS},
                               Row{page | (first_leaf & ~u64{0x40}), event::F_PERMISSION}}) {
            TwoStageMachine machine(configuration);
            machine.context.set(cd::IPS, 2);
            machine.map();
            machine.put_first(address, 3, row.descriptor);
            machine.start();
            const Answer answer = machine.send(read(address + 8));
            EXPECT_EQ(answer.status, sim::Status::CompleterAbort);
            EXPECT_ONLY_EVENT(answer, fault(row.number, address + 8));
        }
    }
}

struct SecondRow {
    u64 attributes;
    u64 higher;  ///< added to the output address
    event::Number number;
};
constexpr std::array second_rows{SecondRow{second_leaf & ~u64{1}, 0, event::F_TRANSLATION},
                                 SecondRow{second_leaf & ~u64{2}, 0, event::F_TRANSLATION},
                                 SecondRow{second_leaf, u64{1} << 41, event::F_ADDR_SIZE},
                                 SecondRow{second_leaf & ~access_flag, 0, event::F_ACCESS},
                                 SecondRow{second_leaf & ~u64{0x40}, 0, event::F_PERMISSION}};

/// A nested stream whose stage 2 has this descriptor for an intermediate page.
Answer with_second(u64 ipa, const SecondRow& row) {
    TwoStageMachine machine;
    machine.entry.set(ste::S2PS, 2);
    machine.map();
    machine.put_second(ipa & ~u64{0xFFF}, 3, ((ipa & ~u64{0xFFF}) + storage + row.higher) | row.attributes);
    machine.start();
    return machine.send(read(address + 8));
}

TEST(SmmuEvents, FaultsOfStage2OnTheFinalAddressAreOfClassInWithTheIntermediateAddress) {
    for (const SecondRow& row : second_rows) {
        const Answer answer = with_second(page, row);
        EXPECT_EQ(answer.status, sim::Status::CompleterAbort);
        EXPECT_ONLY_EVENT(answer, second_fault(row.number, address + 8, event::IN, page));
    }
}

TEST(SmmuEvents, FaultsOfStage2OnAStage1TableAreOfClassTtdWithTheAddressOfTheDescriptor) {
    // The tables of levels 0 to 3 lie at the root and at the first three pages behind it.
    for (const u64 table : {first_root, first_root + 0x10'0000, first_root + 0x10'1000, first_root + 0x10'2000})
        for (const SecondRow& row : second_rows) {
            const Answer answer = with_second(table, row);
            EventBuilder expected = second_fault(row.number, address + 8, event::TTD, table);
            if (row.number == event::F_PERMISSION) expected.set(event::TTRnW, 1);
            EXPECT_ONLY_EVENT(answer, expected);
        }
}

TEST(SmmuEvents, FaultsOfStage2OnTheContextDescriptorAreOfClassCd) {
    for (const SecondRow& row : second_rows) {
        const Answer answer = with_second(cd_address, row);
        EXPECT_ONLY_EVENT(answer, second_fault(row.number, address + 8, event::CD, cd_address));
    }
}

TEST(SmmuEvents, FaultsOfStage2OnTheLevel1DescriptorOfCdsAreOfClassCd) {
    TwoStageMachine machine;
    machine.entry.set(ste::S1CDMax, 8).set(ste::S1Fmt, 1);
    machine.put_second(cd_address, 3, 0);
    machine.start();
    const Answer answer = machine.send(read(address).of_substream(64));
    EXPECT_ONLY_EVENT(answer, second_fault(event::F_TRANSLATION, address, event::CD, cd_address)
                                  .set(event::SSV, 1)
                                  .set(event::SubstreamID, 64));
}

EventBuilder walk_abort(bool second, event::Class access, u64 where) {
    return record(event::F_WALK_EABT)
        .set(event::PnU, 1)
        .set(event::RnW, 0)
        .set(event::S2, second)
        .set(event::CLASS, access)
        .set(event::InputAddr, address)
        .set(event::FetchAddr, where);
}

TEST(SmmuEvents, AbortedFetchOfAStage1DescriptorIsOfStage1AndClassTtd) {
    for (const u64 configuration : {ste::Stage1, ste::Nested})
        for (const int level : {0, 1, 2, 3}) {
            TwoStageMachine machine(configuration);
            machine.map();
            machine.start();
            const u64 where = machine.first_descriptor(address, level);
            machine.memory.fail(where, 8);
            const Answer answer = machine.send(write(address).with_privilege());
            EXPECT_EQ(answer.status, sim::Status::CompleterAbort);
            EXPECT_ONLY_EVENT(answer, walk_abort(false, event::TTD, where));
        }
}

TEST(SmmuEvents, AbortedFetchOfAStage2DescriptorHasTheClassOfWhatItWasFor) {
    struct Row {
        u64 ipa;
        event::Class access;
    };
    for (const Row& row : {Row{page, event::IN}, Row{first_root, event::TTD}, Row{cd_address, event::CD}}) {
        TwoStageMachine machine;
        machine.map();
        machine.start();
        const u64 where = machine.second_descriptor(row.ipa, 3);
        machine.memory.fail(where, 8);
        const Answer answer = machine.send(write(address).with_privilege());
        EXPECT_ONLY_EVENT(answer, walk_abort(true, row.access, where));
    }
}

TEST(SmmuEvents, TooLargeBypassAddressIsAnAddressSizeFaultOfStage1) {
    for (const u64 configuration : {ste::Bypass, ste::Stage2}) {
        TwoStageMachine machine =
            TwoStageMachine::make(configuration, [](spec::Identification& id) { id.idr5.OAS = 2; });
        machine.second_tables(12, 24, 1, 1);  // 40 bits
        machine.entry.set(ste::S2R, 0);
        machine.start();
        const Answer answer = machine.send(read(u64{1} << 40));
        EXPECT_EQ(answer.status, sim::Status::CompleterAbort);
        EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 40));
    }
}

}  // namespace
}  // namespace smmusim::test::chapter6_events
