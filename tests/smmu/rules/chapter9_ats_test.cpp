// Translation requests and translated transactions of PCI Express (chapter 9.1 and 9.2 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test {
namespace {

using sim::Status;

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;
constexpr u64 everything_on = 0b1'1101;  ///< SMMUEN, EVENTQEN, CMDQEN, ATSCHK
constexpr u64 without_check = 0b1101;
constexpr u64 off = 0b1100;

// Bits of a translation completion (PCI Express Base, 10.2.3.1).
constexpr u64 readable = 1, writable = 2, executable = 8, with_privilege = 16, is_global = 32, larger = 0x800;

/// A stream with this EATS, its page mapped, CR0 in force.
class AtsMachine : public TwoStageMachine {
public:
    explicit AtsMachine(u64 configuration, u64 eats = 1, const uarch::SmmuConfig& config = small_config())
        : TwoStageMachine(configuration, config) {
        entry.set(ste::EATS, eats);
    }
    AtsMachine& start(u64 cr0 = everything_on, u64 cr2 = 0b10) {
        TwoStageMachine::start(cr2);
        set_cr0(cr0);
        memory.log.clear();
        return *this;
    }
};

EventBuilder bad_request(u64 where, bool write = true) {
    constexpr support::Field Span{67, 64}, W{94, 94}, R{95, 95};
    return support::EventBuilder()
        .set(event::number, 0x05)
        .set(event::StreamID, stream)
        .set(Span, 1)
        .set(W, write)
        .set(R, 1)
        .set(event::InputAddr, where);
}
EventBuilder forbidden(u64 where, bool read) {
    return EventBuilder()
        .set(event::number, 0x07)
        .set(event::StreamID, stream)
        .set(event::RnW, read)
        .set(event::InputAddr, where);
}
void expect_nothing_granted(const Answer& answer, u64 where) {
    EXPECT_EQ(answer.status, Status::Ok);
    EXPECT_EQ(answer.data, where) << "R = W = 0, of the smallest unit";
    EXPECT_TRUE(answer.events.empty());
}

// 9.1 Modes

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

// 9.1 Translated transactions

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

// 9.2 Results of requests

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
}  // namespace smmusim::test
