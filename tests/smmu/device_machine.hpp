// The SMMU as a machine that the walk vectors run on: timed, through its registers, and functional.
#pragma once

#include <set>

#include "smmu/machine.hpp"
#include "support/machine.hpp"

namespace smmusim::test {

/// The ID registers of a vector, as far as the model varies them.
inline spec::Identification identification_of(const support::Identity& identity) {
    spec::Identification id;
    id.idr0.S1P = static_cast<u8>(identity.S1P);
    id.idr0.S2P = static_cast<u8>(identity.S2P);
    id.idr0.Hyp = static_cast<u8>(identity.Hyp);
    id.idr0.ASID16 = static_cast<u8>(identity.ASID16);
    id.idr0.VMID16 = static_cast<u8>(identity.VMID16);
    id.idr0.CD2L = static_cast<u8>(identity.CD2L);
    id.idr0.TTENDIAN = static_cast<u8>(identity.TTENDIAN);
    id.idr0.STALL_MODEL = static_cast<u8>(identity.STALL_MODEL);
    id.idr0.ATS = static_cast<u8>(identity.ATS);
    id.idr0.HTTU = static_cast<u8>(identity.HTTU);
    id.idr0.TERM_MODEL = static_cast<u8>(identity.TERM_MODEL);
    id.idr0.ST_LEVEL = static_cast<u8>(identity.ST_LEVEL);
    id.idr1.SIDSIZE = static_cast<u8>(identity.SIDSIZE);
    id.idr1.SSIDSIZE = static_cast<u8>(identity.SSIDSIZE);
    id.idr3.HAD = static_cast<u8>(identity.HAD);
    id.idr3.XNX = static_cast<u8>(identity.XNX);
    id.idr3.FWB = static_cast<u8>(identity.FWB);
    id.idr3.STT = static_cast<u8>(identity.STT);
    id.idr3.E0PD = static_cast<u8>(identity.E0PD);
    id.idr3.EPAN = static_cast<u8>(identity.EPAN);
    id.idr5.OAS = static_cast<u8>(identity.OAS);
    id.idr5.VAX = static_cast<u8>(identity.VAX);
    id.idr5.DS = static_cast<u8>(identity.DS);
    id.idr5.GRAN4K = static_cast<u8>(identity.GRAN4K);
    id.idr5.GRAN16K = static_cast<u8>(identity.GRAN16K);
    id.idr5.GRAN64K = static_cast<u8>(identity.GRAN64K);
    return id;
}

class DeviceMachine {
public:
    static constexpr u64 event_queue = 0x7000'0000;
    static constexpr bool sees_failing_updates = true;

    explicit DeviceMachine(const support::Identity& identity) : DeviceMachine(configure(identity)) {}
    explicit DeviceMachine(const uarch::SmmuConfig& config)
        : memory_(simulation_),
          port_(memory_),
          smmu_(simulation_, "smmu0", config, {&port_}, port_, uarch::InterruptWires{}) {}

    void write(u64 address, u64 value) { memory_.put(address, value); }
    u64 read(u64 address) const { return memory_.u64_at(address); }
    /// The word at `address` is answered with an abort.
    void fail(u64 address) { memory_.fail_if(address, 8, of_tables); }
    /// Tables can be read, but not written.
    void fail_updates() {
        memory_.fail_if(0, ~u64{0}, [](const sim::Access& access) { return of_tables(access) && access.is_write(); });
    }

    void enable(const support::Registers& registers) {
        mmio(0x44, 4, registers.GBPA | 1u << 31);
        run();
        mmio(0x2C, 4, registers.CR2);
        mmio(0x80, 8, registers.STRTAB_BASE);
        mmio(0x88, 4, registers.STRTAB_BASE_CFG);
        mmio(0xA0, 8, event_queue | 4);
        mmio(0x100A8, 4, 0);
        mmio(0x100AC, 4, 0);
        mmio(0x20, 4, 0b100 | (registers.SMMUEN ? 1 : 0));
        run();
        memory_.log.clear();
    }

    support::Result access(const support::Transaction& transaction) {
        Client client(simulation_);
        client.access = access_of(transaction);
        client.access->push(client);
        smmu_.tbu(0).receive(*client.access, simulation_.now());
        run();
        support::Result result;
        result.stalled = !client.done;
        EXPECT_EQ(smmu_.stalled(), result.stalled ? 1u : 0u);
        result.ok = client.done && sim::succeeded(client.access->status);
        result.pa = result.ok ? client.access->address : 0;
        bool found = false;
        if ((smmu_.read_register("EVENTQ_PROD", found) & 0x1F) != 0) {
            result.event.emplace();
            memory_.read(event_queue, result.event->words().data(), 32);
        }
        for (const FakeMemory::Logged& entry : memory_.log)
            if (entry.command == sim::Command::Read &&
                (entry.attributes.transaction_class == sim::TransactionClass::TableWalk ||
                 entry.attributes.transaction_class == sim::TransactionClass::ConfigFetch))
                result.reads.push_back({entry.address, entry.size});
        const arch::Outcome outcome = smmu_.inspect(request_of(transaction)).result.outcome;
        if (outcome.translated) result.span = u64{1} << outcome.translation.span;
        smmu_.reset();  // ends what is stalled before its client goes
        return result;
    }

protected:
    static bool of_tables(const sim::Access& access) {
        return access.attributes.transaction_class == sim::TransactionClass::TableWalk ||
               access.attributes.transaction_class == sim::TransactionClass::ConfigFetch;
    }
    sim::AccessPtr access_of(const support::Transaction& transaction) {
        const sim::Command command = transaction.kind == support::Kind::Read    ? sim::Command::Read
                                     : transaction.kind == support::Kind::Write ? sim::Command::Write
                                                                                : sim::Command::Atomic;
        sim::AccessPtr access = simulation_.accesses().make(command, transaction.address, 1);
        sim::Attributes& attributes = access->attributes;
        attributes.stream_id = transaction.stream;
        attributes.substream_id = transaction.substream.value_or(sim::no_id);
        attributes.privileged = transaction.privileged;
        attributes.instruction = transaction.instruction;
        return access;
    }
    static arch::Request request_of(const support::Transaction& transaction) {
        arch::Request request;
        request.stream_id = transaction.stream;
        request.substream_id = transaction.substream.value_or(sim::no_id);
        request.address = transaction.address;
        request.write = transaction.kind != support::Kind::Read;
        request.read = transaction.kind != support::Kind::Write;
        request.instruction = transaction.instruction;
        request.privileged = transaction.privileged;
        return request;
    }
    static uarch::SmmuConfig configure(const support::Identity& identity) {
        uarch::SmmuConfig config = SmmuMachine::small_config();
        config.identification = identification_of(identity);
        return config;
    }
    void run() { simulation_.scheduler().run(end_of_time); }
    void mmio(u64 offset, u32 size, u64 value) {
        const sim::AccessPtr access =
            simulation_.accesses().make(sim::Command::Write, SmmuMachine::base + offset, size);
        access->set_value(value);
        smmu_.registers().perform(*access);
    }

    sim::Simulation simulation_;
    FakeMemory memory_;
    sim::DirectPort port_;
    uarch::Smmu smmu_;
};

/// The same SMMU, asked without time.
class FunctionalMachine : public DeviceMachine {
public:
    using DeviceMachine::DeviceMachine;

    /// Asks about an access, and lets `source` say what lies wherever that reads, until it reads nothing new.
    template <class Source>
    void explore(const support::Transaction& transaction, Source& source) {
        for (std::set<std::pair<u64, u32>> seen;;) {
            const uarch::Inspection inspection = smmu_.inspect(request_of(transaction));
            bool news = false;
            for (const arch::Step& step : inspection.steps)
                if (seen.insert({step.fetch.address, step.fetch.size}).second) {
                    news = true;
                    for (u64 word = 0; word < step.fetch.size; word += 8)
                        memory_.put(step.fetch.address + word, source.read(step.fetch.address + word).value_or(0));
                }
            if (!news) return;
        }
    }

    static constexpr bool sees_failing_updates = false;  ///< an inspection writes nothing

    support::Result access(const support::Transaction& transaction) {
        const uarch::Inspection inspection = smmu_.inspect(request_of(transaction));
        // The inspection has left memory alone; the access without time has not.
        smmu_.tbu(0).perform(*access_of(transaction));
        const arch::Outcome& outcome = inspection.result.outcome;
        support::Result result;
        result.stalled = outcome.disposition == arch::Disposition::Stall;
        result.ok =
            outcome.disposition == arch::Disposition::Proceed || outcome.disposition == arch::Disposition::RazWi;
        result.pa = outcome.address;
        if (outcome.recorded) {
            result.event.emplace();
            result.event->words() = outcome.fault.event.words;
        }
        for (const arch::Step& step : inspection.steps) result.reads.push_back({step.fetch.address, step.fetch.size});
        if (outcome.translated) result.span = u64{1} << outcome.translation.span;
        return result;
    }
};

}  // namespace smmusim::test
