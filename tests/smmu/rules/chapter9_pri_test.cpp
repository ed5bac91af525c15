// Page requests: the entry in the PRI queue, and the answers to them (chapter 9.4 and 9.5 of the rules).
#include "smmu/rules/requesters.hpp"
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter9_pri {
namespace {

using Code = sim::PageResponse::Code;

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 priq = SmmuMachine::ram + 0x38'0000;

class PriMachine : public TwoStageMachine {
public:
    explicit PriMachine(const uarch::SmmuConfig& config = small_config(), unsigned log2_entries = 1)
        : TwoStageMachine(ste::Stage1, config), log2_entries_(log2_entries) {
        smmu.set_requesters(&requesters);
    }
    PriMachine& start(u64 cr0 = 0b1111) {
        TwoStageMachine::start();
        write64(0xC0, priq | log2_entries_);
        write32(0x100C8, 0);
        write32(0x100CC, 0);
        set_cr0(cr0);
        return *this;
    }
    void ask(const sim::PageRequest& request) {
        smmu.page_request(request);
        run();
    }
    u64 entry_word(unsigned index, unsigned word) { return memory.u64_at(priq + index * 16 + word * 8); }
    u64 produced() { return inspect32(0x100C8); }

    rule::Requesters requesters;

private:
    unsigned log2_entries_;
};

sim::PageRequest page_request(bool last = true, u32 pasid = sim::no_id) {
    sim::PageRequest request;
    request.stream_id = stream;
    request.substream_id = pasid;
    request.address = 0xABCD'E123'4567'8000;
    request.read = request.write = true;
    request.last = last;
    request.group = 0x155;
    return request;
}

void expect_response(const PriMachine& machine, Code code, u32 pasid) {
    ASSERT_EQ(machine.requesters.responses.size(), 1u);
    const sim::PageResponse& response = machine.requesters.responses[0];
    EXPECT_EQ(response.code, code);
    EXPECT_EQ(response.substream_id, pasid);
    EXPECT_EQ(response.stream_id, stream);
    EXPECT_EQ(response.group, 0x155);
}

// 9.4

TEST(SmmuPri, EntryHoldsEachFieldInItsPlace) {
    struct Row {
        sim::PageRequest request;
        u64 low;
    };
    const u64 base = stream;
    const auto changed = [](void (*change)(sim::PageRequest&)) {
        sim::PageRequest request = page_request(false);
        request.read = request.write = false;
        change(request);
        return request;
    };
    for (const Row& row :
         {Row{changed([](sim::PageRequest&) {}), base},
          Row{changed([](sim::PageRequest& request) { request.privileged = true; }), base | u64{1} << 58},
          Row{changed([](sim::PageRequest& request) { request.execute = true; }), base | u64{1} << 59},
          Row{changed([](sim::PageRequest& request) { request.read = true; }), base | u64{1} << 60},
          Row{changed([](sim::PageRequest& request) { request.write = true; }), base | u64{1} << 61},
          Row{changed([](sim::PageRequest& request) { request.last = true; }), base | u64{1} << 62},
          Row{changed([](sim::PageRequest& request) { request.substream_id = 0xF'1234; }),
              base | u64{1} << 63 | u64{0xF'1234} << 32}}) {
        PriMachine machine;
        machine.start();
        machine.ask(row.request);
        EXPECT_EQ(machine.produced(), 1u);
        EXPECT_EQ(machine.entry_word(0, 0), row.low);
        EXPECT_EQ(machine.entry_word(0, 1), 0xABCD'E123'4567'8000 | 0x155);
        EXPECT_TRUE(machine.requesters.responses.empty()) << "software answers";
    }
}

TEST(SmmuPri, StopMarkerIsQueuedAndNeverAnswered) {
    sim::PageRequest marker = page_request(true, 7);
    marker.read = marker.write = false;
    PriMachine queued;
    queued.start();
    queued.ask(marker);
    EXPECT_EQ(queued.produced(), 1u);
    for (const bool full : {false, true}) {
        PriMachine machine;
        machine.start(full ? 0b1111 : 0b1101);
        if (full)
            for (int filler = 0; filler < 2; ++filler) machine.ask(page_request(false));
        machine.ask(marker);
        EXPECT_TRUE(machine.requesters.responses.empty());
    }
}

TEST(SmmuPri, RequestWithoutPasidIsNoStopMarker) {
    sim::PageRequest request = page_request();
    request.read = request.write = false;
    PriMachine machine;
    machine.start(0b1101);
    machine.ask(request);
    expect_response(machine, Code::Failure, sim::no_id);
}

TEST(SmmuPri, RequestsDependNeitherOnAtschkNorOnEats) {
    for (const u64 eats : {0, 1})
        for (const u64 cr0 : {0b0'1111, 0b1'1111}) {
            PriMachine machine;
            machine.entry.set(ste::EATS, static_cast<u64>(eats));
            machine.start(static_cast<u64>(cr0));
            machine.ask(page_request());
            EXPECT_EQ(machine.produced(), 1u);
        }
}

// 9.5

TEST(SmmuPri, PriRespCarriesItsCodeAndThePasidOfTheCommand) {
    struct Row {
        u64 resp;
        Code code;
    };
    for (const Row& row : {Row{0b00, Code::Failure}, Row{0b01, Code::InvalidRequest}, Row{0b10, Code::Success}})
        for (const bool with_pasid : {false, true}) {
            PriMachine machine;
            machine.start();
            machine.execute(
                {{0x41 | u64{with_pasid} << 11 | u64{9} << 12 | u64{stream} << 32, 0x155 | row.resp << 12}});
            expect_response(machine, row.code, with_pasid ? 9 : sim::no_id);
        }
}

TEST(SmmuPri, PriRespOfTheReservedCodeIsIllegal) {
    PriMachine machine;
    machine.start();
    machine.command(0x41 | u64{stream} << 32, 0x155 | 3 << 12);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.inspect32(0x9C), 0x0100'0000u);
    EXPECT_TRUE(machine.requesters.responses.empty());
}

TEST(SmmuPri, PriRespIsIgnoredWhileOff) {
    PriMachine machine;
    machine.start(0b1100);
    machine.execute({{0x41 | u64{stream} << 32, 0x155 | 2 << 12}});
    EXPECT_TRUE(machine.requesters.responses.empty());
}

/// A machine whose queue of two entries is full.
void fill(PriMachine& machine) {
    for (int filler = 0; filler < 2; ++filler) machine.ask(page_request(false));
    EXPECT_EQ(machine.produced(), 2u);
}

TEST(SmmuPri, OverflowAnswersTheLastRequestWithSuccessAndWithoutPasid) {
    PriMachine machine;
    machine.start();
    fill(machine);
    machine.ask(page_request());
    expect_response(machine, Code::Success, sim::no_id);
    EXPECT_EQ(machine.produced(), 0x8000'0002u) << "OVFLG";
}

TEST(SmmuPri, OverflowAnswersWithThePasidAsPpsAndPparSay) {
    for (const bool pps : {false, true})
        for (const bool ppar : {false, true}) {
            PriMachine machine(TwoStageMachine::with([&](spec::Identification& id) { id.idr3.PPS = pps; }));
            machine.entry.set(support::Field{82, 82}, ppar);
            machine.start();
            fill(machine);
            machine.ask(page_request(true, 7));
            expect_response(machine, Code::Success, pps || ppar ? 7 : sim::no_id);
        }
}

TEST(SmmuPri, OverflowOfAStreamWithoutValidEntryIsAFailure) {
    for (const bool aborted : {false, true}) {
        PriMachine machine;
        machine.entry.set(ste::V, aborted);
        machine.start();
        if (aborted) machine.memory.fail(SmmuMachine::strtab + stream * 64, 64);
        fill(machine);
        machine.ask(page_request(true, 7));
        expect_response(machine, Code::Failure, sim::no_id);
        EXPECT_EQ(machine.events(), 0u);
    }
}

TEST(SmmuPri, OverflowDropsOtherRequestsSilently) {
    PriMachine machine;
    machine.start();
    fill(machine);
    machine.ask(page_request(false));
    EXPECT_TRUE(machine.requesters.responses.empty());
}

TEST(SmmuPri, RequestsToAQueueThatIsOffOrInErrorFail) {
    // PRIQEN off; PRIQEN without SMMUEN; an error that nobody has acknowledged.
    for (const u64 cr0 : {0b1101, 0b1110}) {
        PriMachine machine;
        machine.start(static_cast<u64>(cr0));
        machine.ask(page_request(true, 7));
        expect_response(machine, Code::Failure, sim::no_id);
        EXPECT_EQ(machine.produced(), 0u);
    }
    PriMachine machine;
    machine.start();
    machine.memory.fail(priq, 32);
    machine.ask(page_request(false));
    EXPECT_EQ(machine.inspect32(0x60), 1u << 3);
    machine.memory.repair();
    machine.ask(page_request());
    expect_response(machine, Code::Failure, sim::no_id);
    EXPECT_EQ(machine.produced(), 0u);
}

TEST(SmmuPri, RequestWhoseOwnWriteAbortsFails) {
    PriMachine machine;
    machine.start();
    machine.memory.fail(priq, 32);
    machine.ask(page_request());
    expect_response(machine, Code::Failure, sim::no_id);
    EXPECT_EQ(machine.inspect32(0x60), 1u << 3) << "GERROR.PRIQ_ABT_ERR";
    EXPECT_EQ(machine.produced(), 0u);
}

}  // namespace
}  // namespace smmusim::test::chapter9_pri
