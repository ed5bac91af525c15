// The modes of ATS and translated transactions of PCI Express (chapter 9.1 of the rules).
#include "smmu/rules/ats_machine.hpp"

namespace smmusim::test::chapter9_ats {
namespace {

using sim::Status;

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
TEST(SmmuAts, EatsOffRefusesRequests) {
    for (const u64 eats : {0, 3}) {  // 11 needs DPT, which is absent
        AtsMachine machine(ste::Nested, static_cast<u64>(eats));
        machine.map();
        machine.start();
        const Answer answer = machine.send(request(address));
        EXPECT_EQ(answer.status, Status::Unsupported);
        EXPECT_ONLY_EVENT(answer, bad_request(address));
    }
}

TEST(SmmuAts, FullModeReturnsThePhysicalAddressAfterEveryStage) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2, ste::Nested}) {
        AtsMachine machine(configuration);
        machine.map();
        machine.start();
        const Answer answer = machine.send(request(address));
        EXPECT_EQ(answer.status, Status::Ok);
        EXPECT_EQ(answer.data, machine.final_page() | readable | writable) << configuration;
        EXPECT_FALSE(answer.address) << "nothing leaves the SMMU";
        EXPECT_TRUE(answer.events.empty());
    }
}

TEST(SmmuAts, SplitStageReturnsTheIntermediateAddressWithThePermissionsOfBothStages) {
    for (const bool first_writes : {false, true})
        for (const bool second_writes : {false, true}) {
            AtsMachine machine(ste::Nested, 2);
            machine.map(address, first_writes ? first_leaf : first_leaf | 0x80,
                        second_writes ? second_leaf : second_leaf & ~u64{0x80});
            machine.start();
            EXPECT_EQ(machine.send(request(address)).data,
                      page | readable | (first_writes && second_writes ? writable : 0));
        }
}

TEST(SmmuAts, SplitStageReturnsTheSmallerSize) {
    // 2 MiB at stage 1, a page at stage 2; then the other way round.
    {
        AtsMachine machine(ste::Nested, 2);
        machine.put_first(address, 2, page | (first_leaf & ~u64{2}));
        machine.put_second(page | (address & 0x1F'F000), 3, 0xA000'0000 | second_leaf);
        machine.start();
        EXPECT_EQ(machine.send(request(address)).data, page | (address & 0x1F'F000) | readable | writable);
    }
    {
        AtsMachine machine(ste::Nested, 2);
        machine.put_first(address, 3, page | first_leaf);
        machine.put_second(page, 2, 0xA000'0000 | (second_leaf & ~u64{2}));
        machine.start();
        EXPECT_EQ(machine.send(request(address)).data, page | readable | writable);
    }
}

TEST(SmmuAts, SplitStageWithoutCheckOfTranslatedTransactionsCountsAsOff) {
    AtsMachine machine(ste::Nested, 2);
    machine.map();
    machine.start(without_check);
    const Answer answer = machine.send(request(address));
    EXPECT_EQ(answer.status, Status::Unsupported);
    EXPECT_ONLY_EVENT(answer, bad_request(address));
}

TEST(SmmuAts, BlocksAreReturnedWithTheirSize) {
    AtsMachine machine(ste::Stage1);
    machine.put_first(address, 2, page | (first_leaf & ~u64{2}));
    machine.start();
    // 2 MiB: bits 19:12 are ones below a zero.
    EXPECT_EQ(machine.send(request(address)).data, page | 0xF'F000 | larger | readable | writable);
}

TEST(SmmuAts, TranslatedTransactionsWhileOffAreForbidden) {
    AtsMachine machine(ste::Stage1);
    machine.map();
    machine.start(off);
    const Answer answer = machine.send(translated(write(page)));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, forbidden(page, false));
}

TEST(SmmuAts, TranslatedTransactionsPassUncheckedWithoutAtschk) {
    for (const u64 configuration : {ste::Abort, ste::Bypass, ste::Stage1, ste::Stage2, ste::Nested}) {
        AtsMachine machine(configuration, 0);
        machine.start(without_check);
        const sim::MemoryAttributes device = sim::MemoryAttributes::device();
        const Answer answer = machine.send(translated(write(0x1234'5678)).with_memory(device));
        EXPECT_EQ(answer.address, 0x1234'5678u);
        EXPECT_EQ(answer.attributes.memory, device) << "as received";
        EXPECT_EQ(machine.own_reads(), 0u);
    }
}

TEST(SmmuAts, TranslatedTransactionsOfAbortingStreamsAbortSilently) {
    AtsMachine machine(ste::Abort);
    machine.start();
    const Answer answer = machine.send(translated(read(page)));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_TRUE(answer.events.empty());
}

TEST(SmmuAts, TranslatedTransactionsOfStreamsWithoutAtsAreForbidden) {
    for (const u64 configuration : {ste::Bypass, ste::Stage1, ste::Stage2, ste::Nested}) {
        AtsMachine machine(configuration, configuration == ste::Bypass ? 1 : 0);
        machine.map();
        machine.start();
        const Answer answer = machine.send(translated(read(page + 8)));
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        EXPECT_ONLY_EVENT(answer, forbidden(page + 8, true));
    }
}

TEST(SmmuAts, TranslatedTransactionsOfFullModePass) {
    AtsMachine machine(ste::Nested);
    machine.start();
    EXPECT_EQ(machine.send(translated(write(0xABCD'0000))).address, 0xABCD'0000u);
}

TEST(SmmuAts, TranslatedTransactionsOfSplitStageGoThroughStage2) {
    AtsMachine machine(ste::Nested, 2);
    machine.map();
    machine.start();
    EXPECT_EQ(machine.send(translated(write(page + 0x18))).address, page + storage + 0x18);
    EXPECT_EQ(machine.memory.reads(cd_address + storage, 64), 0u) << "no stage 1";
    for (const bool recorded : {true, false}) {
        machine.entry.set(ste::S2R, recorded);
        machine.write_structures();
        machine.execute({command::cfgi_ste(stream)});
        const Answer answer = machine.send(translated(write(page + 0x1000)));
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        if (!recorded) {
            EXPECT_TRUE(answer.events.empty());
            continue;
        }
        EventBuilder expected = second_fault(event::F_TRANSLATION, page + 0x1000, event::IN, page + 0x1000);
        EXPECT_ONLY_EVENT(answer, expected.set(event::RnW, 0));
    }
}

TEST(SmmuAts, TranslatedTransactionsOfSplitStageBeyondTheIntermediateSizeAreAddressSizeFaults) {
    AtsMachine machine(ste::Nested, 2);
    machine.start();
    const Answer answer = machine.send(translated(read(u64{1} << 48)));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 48));
}

TEST(SmmuAts, TranslatedAddressesBeyondTheOutputSizeAbortSilently) {
    for (const u64 cr0 : {without_check, everything_on}) {
        AtsMachine machine(ste::Stage1);
        machine.start(cr0);
        const Answer answer = machine.send(translated(read(u64{1} << 48)));
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        EXPECT_TRUE(answer.events.empty());
    }
}

TEST(SmmuAts, ConfigurationErrorsOfTranslatedTransactionsAreRecordedWithRecCfgAtsAlone) {
    // CR2: RECINVSID is bit 1, REC_CFG_ATS bit 3.
    for (const u64 cr2 : {0b0000, 0b0010, 0b1000, 0b1010})
        for (const unsigned defect : {0u, 1u, 2u}) {
            AtsMachine machine(ste::Stage1);
            if (defect == 2) machine.entry.set(ste::V, 0);
            machine.start(everything_on, static_cast<u64>(cr2));
            if (defect == 1) machine.memory.fail(SmmuMachine::strtab + stream * 64, 64);
            const Answer answer = machine.send(translated(read(page)).of_stream(defect == 0 ? 300 : stream));
            EXPECT_EQ(answer.status, Status::CompleterAbort);
            constexpr std::array<u64, 3> numbers{event::C_BAD_STREAMID, event::F_STE_FETCH, event::C_BAD_STE};
            EXPECT_EQ(answer.event(), (cr2 & 0b1000) != 0 ? numbers[defect] : 0) << cr2 << defect;
        }
}

TEST(SmmuAts, TranslatedTransactionsAreDataUnprivilegedAndWithoutSubstream) {
    AtsMachine machine(ste::Nested, 2);
    machine.map();
    machine.start();
    const Answer answer = machine.send(translated(fetch(page).with_privilege().of_substream(3)));
    EXPECT_TRUE(answer.passed());
    EXPECT_FALSE(answer.attributes.privileged || answer.attributes.instruction);
    machine.entry.set(ste::PRIVCFG, 3);
    machine.write_structures();
    machine.execute({command::cfgi_ste(stream)});
    EXPECT_TRUE(machine.send(translated(read(page))).attributes.privileged) << "overrides apply to split-stage";
}

TEST(SmmuAts, UnsupportedTranslatedTransactionsAbortSilently) {
    AtsMachine machine(ste::Nested);
    machine.start();
    const Answer answer = machine.send(translated(atomic(page + 4)));  // crosses its size
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_TRUE(answer.events.empty());
}

TEST(SmmuAts, FaultsOfTranslatedTransactionsComeInOrder) {
    const auto send = [](unsigned repaired) {
        AtsMachine machine(ste::Nested, repaired > 2 ? 2 : 0);
        machine.entry.set(ste::S2TG, repaired > 1 ? 0 : 3);
        machine.start(everything_on, 0b1000);
        if (repaired == 0) machine.memory.fail(SmmuMachine::strtab + stream * 64, 64);
        return machine.send(translated(read(repaired > 3 ? page : u64{1} << 48))).event();
    };
    EXPECT_EQ(send(0), event::F_STE_FETCH);
    EXPECT_EQ(send(1), event::C_BAD_STE);
    EXPECT_EQ(send(2), 0x07u) << "F_TRANSL_FORBIDDEN";
    EXPECT_EQ(send(3), event::F_ADDR_SIZE);
    EXPECT_EQ(send(4), event::F_TRANSLATION) << "stage 2";
}

}  // namespace
}  // namespace smmusim::test::chapter9_ats
