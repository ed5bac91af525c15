// The PRI queue: registers, entries, overflow, the answers that the SMMU gives itself.
#include "smmu/rules/requesters.hpp"
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter2_pri {
namespace {

using Change = RuleMachine::Change;
using Code = sim::PageResponse::Code;

constexpr u64 priq = SmmuMachine::ram + 0x32'0000;
constexpr u64 overflow_flag = u64{1} << 31;
constexpr u64 smmuen = 1, priqen = 2, eventqen = 4, cmdqen = 8;
constexpr bits::Field ppar{82, 82};

struct PriMachine : RuleMachine {
    explicit PriMachine(u64 log2 = 4, const Change& change = {}, u64 interrupts = 0b010, u64 cfg2 = 0)
        : RuleMachine(change) {
        put_ste(bypass_ste());
        smmu.set_requesters(&requesters);
        bring_up(false);
        write64(0xC0, priq | log2);
        write32(0x100C8, 0);
        write32(0x100CC, 0);
        write32(0x50, 0);
        run();
        write32(0xDC, cfg2);
        write32(0x50, interrupts);
        write_cr0(smmuen | priqen | eventqen | cmdqen);
    }
    static sim::PageRequest request(bool last = true, u32 substream = sim::no_id, u16 group = 3) {
        return {.stream_id = stream,
                .substream_id = substream,
                .address = 0x1234'5000,
                .read = true,
                .last = last,
                .group = group};
    }
    void ask_page(const sim::PageRequest& request) {
        smmu.page_request(request);
        run();
    }
    void ask_pages(unsigned count) {
        while (count-- != 0) ask_page(request());
    }
    u64 produced() { return inspect32(0x100C8); }
    Requesters requesters;
};

TEST(SmmuPriRegisters, AreReservedWithoutPri) {
    RuleMachine machine([](spec::Identification& id) { id.idr0.PRI = 0; });
    EXPECT_EQ(machine.read32(0x00) >> 16 & 1, 0u);
    for (const u64 offset : {0xC0u, 0xC4u, 0xD0u, 0xD4u, 0xD8u, 0xDCu, 0x100C8u, 0x100CCu}) {
        machine.write32(offset, ~u64{0});
        EXPECT_EQ(machine.read32(offset), 0u) << offset;
    }
    machine.write_cr0(priqen);
    EXPECT_EQ(machine.read32(0x24), 0u);
    machine.write32(0x50, 0b010);
    machine.run();
    EXPECT_EQ(machine.read32(0x54), 0u);
}

TEST(SmmuPriRegisters, LoExistsWithoutMsi) {
    RuleMachine machine([](spec::Identification& id) { id.idr0.MSI = 0; });
    machine.write32(0xDC, ~u64{0});
    EXPECT_EQ(machine.read32(0xDC), u64{1} << 31);
}

TEST(SmmuPriRegisters, BaseIsGuardedByTheQueueEnable) {
    RuleMachine machine;
    machine.write64(0xC0, ~u64{0});
    EXPECT_EQ(machine.read64(0xC0), 0x40FF'FFFF'FFFF'FFFFu);
    machine.write64(0xC0, priq | 4);
    machine.write_cr0(priqen);
    machine.write64(0xC0, priq | 5);
    EXPECT_EQ(machine.read64(0xC0), priq | 4);
}

TEST(SmmuPriRegisters, ProducerIndexIsGuardedByTheQueueEnable) {
    RuleMachine machine;
    machine.write64(0xC0, priq | 4);
    machine.write32(0x100C8, 5);
    machine.write_cr0(priqen);  // the plain bit guards, though without SMMUEN it has no effect
    machine.write32(0x100C8, 7);
    EXPECT_EQ(machine.read32(0x100C8), 5u);
    machine.write32(0x100CC, 0x8000'0003);
    EXPECT_EQ(machine.read32(0x100CC), 0x8000'0003u);
}

TEST(SmmuPriRegisters, InterruptConfigurationIsGuardedByItsEnable) {
    RuleMachine machine;
    machine.write64(0xD0, 0x4000);
    machine.write32(0xD8, 5);
    machine.write32(0xDC, 0x8000'0021);
    machine.write32(0x50, 0b010);
    machine.run();
    machine.write64(0xD0, 0x8000);
    machine.write32(0xD8, 6);
    machine.write32(0xDC, 0);
    EXPECT_EQ(machine.read64(0xD0), 0x4000u);
    EXPECT_EQ(machine.read32(0xD8), 5u);
    EXPECT_EQ(machine.read32(0xDC), 0x8000'0021u);
}

TEST(SmmuPriRegisters, SizeIsCapped) {
    PriMachine machine(6, [](spec::Identification& id) { id.idr1.PRIQS = 1; });
    EXPECT_EQ(machine.read32(0x04) >> 11 & 0x1F, 1u);
    machine.ask_pages(2);
    EXPECT_EQ(machine.produced(), 2u);
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), overflow_flag | 2) << "two entries";
}

TEST(SmmuPri, EntryHasItsFields) {
    PriMachine machine;
    machine.ask_page({.stream_id = 0x1234,
                      .substream_id = 0xABCDE,
                      .address = 0xFEDC'BA98'7654'3000,
                      .read = true,
                      .write = false,
                      .execute = true,
                      .privileged = false,
                      .last = true,
                      .group = 0x155});
    machine.ask_page({.stream_id = 1, .address = 0x1000, .write = true, .privileged = true, .group = 1});
    // SSV 63, Last 62, W 61, R 60, X 59, Priv 58, SubstreamID 51:32, StreamID 31:0; Address 127:76, PRGIndex 72:64.
    EXPECT_EQ(machine.memory.u64_at(priq), u64{0b110110} << 58 | u64{0xABCDE} << 32 | 0x1234);
    EXPECT_EQ(machine.memory.u64_at(priq + 8), 0xFEDC'BA98'7654'3000u | 0x155);
    EXPECT_EQ(machine.memory.u64_at(priq + 16), u64{0b001001} << 58 | 1);
    EXPECT_EQ(machine.memory.u64_at(priq + 24), 0x1001u);
}

TEST(SmmuPri, QueueNeedsSmmuen) {
    PriMachine machine;
    machine.write_cr0(priqen | eventqen | cmdqen);
    EXPECT_EQ(machine.read32(0x24), priqen | eventqen | cmdqen) << "the plain bit";
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), 0u);
    ASSERT_EQ(machine.requesters.responses.size(), 1u);
    EXPECT_EQ(machine.requesters.responses[0].code, Code::Failure);
    machine.write_cr0(smmuen | priqen | eventqen | cmdqen);
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), 1u);
}

TEST(SmmuPri, DisabledQueueAnswersFailure) {
    PriMachine machine;
    machine.write_cr0(smmuen | eventqen | cmdqen);
    machine.ask_page(PriMachine::request(true, 5, 9));
    EXPECT_EQ(machine.produced(), 0u);
    ASSERT_EQ(machine.requesters.responses.size(), 1u);
    EXPECT_EQ(machine.requesters.responses[0].code, Code::Failure);
    EXPECT_EQ(machine.requesters.responses[0].group, 9u);
    EXPECT_EQ(machine.requesters.responses[0].stream_id, RuleMachine::stream);
}

TEST(SmmuPri, AbortOfAWriteRaisesItsError) {
    PriMachine machine;
    machine.memory.fail(priq, 16);
    machine.ask_pages(1);
    EXPECT_EQ(machine.inspect32(0x60), u64{1 << 3});
    EXPECT_EQ(machine.produced(), 0u);
    ASSERT_EQ(machine.requesters.responses.size(), 1u);
    EXPECT_EQ(machine.requesters.responses[0].code, Code::Failure);
    machine.memory.repair();
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), 0u) << "stopped until acknowledged";
    EXPECT_EQ(machine.requesters.responses.size(), 2u);
    machine.acknowledge_errors();
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), 1u);
}

TEST(SmmuPri, OverflowBlocksUntilAcknowledged) {
    PriMachine machine(0);
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), 1u);
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), overflow_flag | 1);
    machine.write32(0x100CC, 1);  // room, but not acknowledged
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), overflow_flag | 1);
    machine.write32(0x100CC, overflow_flag | 1);
    machine.ask_pages(1);
    EXPECT_EQ(machine.produced(), overflow_flag | 0);
}

TEST(SmmuPri, OverflowAnswersTheLastOfAGroup) {
    PriMachine machine(0);
    machine.ask_pages(2);
    ASSERT_EQ(machine.requesters.responses.size(), 1u);
    EXPECT_EQ(machine.requesters.responses[0].code, Code::Success);
    EXPECT_EQ(machine.requesters.responses[0].group, 3u);
    EXPECT_EQ(machine.requesters.responses[0].substream_id, sim::no_id);
    machine.ask_page(PriMachine::request(false));
    EXPECT_EQ(machine.requesters.responses.size(), 1u) << "not the last";
    sim::PageRequest stop = PriMachine::request(true, 5);
    stop.read = false;
    machine.ask_page(stop);
    EXPECT_EQ(machine.requesters.responses.size(), 1u) << "stop markers are never answered";
}

TEST(SmmuPri, PpsOrPparPutsThePasidOnAutomaticResponses) {
    for (const bool pps : {false, true})
        for (const bool allowed : {false, true}) {
            PriMachine machine(0, [&](spec::Identification& id) { id.idr3.PPS = pps; });
            EXPECT_EQ(machine.read32(0x0C) >> 5 & 1, pps ? 1u : 0u);
            machine.put_ste(RuleMachine::bypass_ste().set(ppar, allowed));
            machine.ask_pages(1);
            machine.ask_page(PriMachine::request(true, 5));
            ASSERT_EQ(machine.requesters.responses.size(), 1u);
            EXPECT_EQ(machine.requesters.responses[0].code, Code::Success);
            EXPECT_EQ(machine.requesters.responses[0].substream_id, pps || allowed ? 5u : sim::no_id);
        }
    PriMachine invalid(0);
    invalid.put_ste(SteBuilder());
    invalid.ask_pages(1);
    invalid.ask_page(PriMachine::request(true, 5));
    ASSERT_EQ(invalid.requesters.responses.size(), 1u);
    EXPECT_EQ(invalid.requesters.responses[0].code, Code::Failure) << "no valid entry";
    EXPECT_EQ(invalid.requesters.responses[0].substream_id, sim::no_id);
}

TEST(SmmuPri, InterruptComesWhenTheQueueStopsBeingEmpty) {
    PriMachine machine;
    machine.ask_pages(2);
    EXPECT_EQ(machine.pri_irq.pulses, 1u);
    machine.write32(0x100CC, 2);
    machine.ask_pages(1);
    EXPECT_EQ(machine.pri_irq.pulses, 2u);
    PriMachine silent(4, {}, 0);
    silent.ask_pages(1);
    EXPECT_EQ(silent.pri_irq.pulses, 0u);
}

TEST(SmmuPri, LoInterruptsPerLastRequest) {
    PriMachine machine(1, {}, 0b010, u64{1} << 31);
    machine.ask_page(PriMachine::request(false));
    EXPECT_EQ(machine.pri_irq.pulses, 0u);
    machine.ask_page(PriMachine::request(true));
    EXPECT_EQ(machine.pri_irq.pulses, 1u);
    machine.ask_page(PriMachine::request(true));
    EXPECT_EQ(machine.produced() >> 31, 1u);
    EXPECT_EQ(machine.pri_irq.pulses, 2u) << "discarded by the overflow";
}

}  // namespace
}  // namespace smmusim::test::rule::chapter2_pri
