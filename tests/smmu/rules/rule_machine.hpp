// The SMMU as tests of single rules use it: structures set bit by bit, one transaction at a time, its event as words.
#pragma once

#include <functional>
#include <optional>

#include "smmu/machine.hpp"
#include "support/structure_builder.hpp"

namespace smmusim::test::rule {

namespace bits = support;
using support::CdBuilder;
using support::EventBuilder;
using support::SteBuilder;

/// One transaction as a test describes it.
struct Ask {
    sim::Command command = sim::Command::Read;
    std::optional<u32> substream{};
    bool privileged = false;
    bool instruction = false;
    sim::MemoryAttributes memory{};
    sim::AddressType address_type = sim::AddressType::Untranslated;
};

/// How it ended.
struct Answer {
    bool done = false;
    sim::Status status = sim::Status::Pending;
    u64 address = 0;             ///< where it went; as it came if it went nowhere
    sim::Attributes attributes;  ///< with which it left
    u64 data = 0;

    bool passed() const { return done && status == sim::Status::Ok; }
    bool aborted() const { return done && status == sim::Status::CompleterAbort; }
    bool discarded() const { return done && status == sim::Status::Discarded; }
};

class RuleMachine : public SmmuMachine {
public:
    static constexpr u32 stream = 8;
    static constexpr u64 page = ram + 0x100'0000;  ///< where tests let translations point to
    static constexpr u64 iova = 0x1234'5000;
    static constexpr u64 stage2_root = ram + 0x50'0000;
    /// Leaf attributes: stage 1 page, read and write at both privileges, no execution limits, AttrIndx 0, AF, nG.
    static constexpr u64 page_attributes = 0xF43;
    /// Stage 2 block: write-back, read and write, AF.
    static constexpr u64 stage2_block = 0x7FD;
    static constexpr u64 no_event = 0;
    static constexpr u64 several_events = ~u64{0};

    using Change = std::function<void(spec::Identification&)>;
    using ConfigChange = std::function<void(uarch::SmmuConfig&)>;

    explicit RuleMachine(const Change& change = {}) : SmmuMachine(changed(change)) {}
    struct WithConfig {};
    RuleMachine(WithConfig, const ConfigChange& change) : SmmuMachine(configured(change)) {}

    // Structures.

    template <unsigned Words>
    void put(u64 address, const support::StructureBuilder<Words>& structure) {
        memory.write(address, structure.words().data(), Words * 8);
    }
    void put_ste(u32 of_stream, const SteBuilder& entry) { put(strtab + u64{of_stream} * 64, entry); }
    void put_ste(const SteBuilder& entry) { put_ste(stream, entry); }
    void put_cd(const CdBuilder& descriptor) { put(cds, descriptor); }

    static SteBuilder bypass_ste() {
        return SteBuilder().set(bits::ste::V, 1).set(bits::ste::Config, bits::ste::Bypass).set(bits::ste::SHCFG, 0b01);
    }
    static SteBuilder stage1_ste(u64 context = cds) {
        return bypass_ste().set(bits::ste::Config, bits::ste::Stage1).set(bits::ste::S1ContextPtr, context);
    }
    /// 39 bits of intermediate addresses, 4 KiB granule, start at level 1; faults are recorded.
    static SteBuilder stage2_ste(u64 root = stage2_root) {
        return bypass_ste()
            .set(bits::ste::Config, bits::ste::Stage2)
            .set(bits::ste::S2T0SZ, 25)
            .set(bits::ste::S2SL0, 0b01)
            .set(bits::ste::S2PS, 5)
            .set(bits::ste::S2AA64, 1)
            .set(bits::ste::S2R, 1)
            .set(bits::ste::S2VMID, 1)
            .set(bits::ste::S2TTB, root);
    }
    static SteBuilder nested_ste() {
        return stage2_ste().set(bits::ste::Config, bits::ste::Nested).set(bits::ste::S1ContextPtr, cds);
    }
    /// 48-bit addresses in the lower half, 4 KiB granule; faults abort and are recorded.
    static CdBuilder stage1_cd(u64 root) {
        return CdBuilder()
            .set(bits::cd::V, 1)
            .set(bits::cd::AA64, 1)
            .set(bits::cd::T0SZ, 16)
            .set(bits::cd::EPD1, 1)
            .set(bits::cd::IPS, 5)
            .set(bits::cd::R, 1)
            .set(bits::cd::A, 1)
            .set(bits::cd::ASID, 1)
            .set(bits::cd::TTB0, root)
            .set(bits::cd::MAIR0, 0xFF);
    }
    /// Identity of the GiB that holds all of the test's memory.
    void map_stage2() { memory.put(stage2_root + (ram >> 30) * 8, ram | stage2_block); }

    /// The stream with stage 1 alone, `iova` mapped to `page`; returns the level 0 table.
    u64 set_up_stage1() {
        const u64 root = table();
        put_ste(stage1_ste());
        put_cd(stage1_cd(root));
        map(root, iova, page, page_attributes);
        return root;
    }
    void set_up_stage2() {
        put_ste(stage2_ste());
        map_stage2();
    }
    u64 set_up_nested() {
        const u64 root = set_up_stage1();
        put_ste(nested_ste());
        map_stage2();
        return root;
    }

    // Transactions.

    Answer ask(u32 of_stream, u64 address, const Ask& how = {}) {
        Client client(simulation);
        client.access = simulation.accesses().make(how.command, address, 8);
        sim::Attributes& attributes = client.access->attributes;
        attributes.stream_id = attributes.requester_id = of_stream;
        attributes.substream_id = how.substream.value_or(sim::no_id);
        attributes.privileged = how.privileged;
        attributes.instruction = how.instruction;
        attributes.memory = how.memory;
        attributes.address_type = how.address_type;
        client.access->set_value(0x5A5A'5A5A'5A5A'5A5A);
        client.access->push(client);
        smmu.tbu(0).receive(*client.access, simulation.now());
        run();
        if (!client.done) client.access->abandon();  // stalled: nobody waits for it any more
        return {client.done, client.access->status, client.access->address, client.access->attributes,
                client.access->value()};
    }
    Answer read(u64 address, const Ask& how = {}) { return ask(stream, address, how); }
    Answer write(u64 address) { return ask(stream, address, Ask{.command = sim::Command::Write}); }

    /// Reads of the access's translation: descriptors, and structures of the stream.
    struct Reads {
        std::size_t descriptors = 0;
        std::size_t structures = 0;
        bool operator==(const Reads&) const = default;
    };
    Reads reads_of(u64 address, u32 of_stream = stream, const Ask& how = {}) {
        memory.log.clear();
        ask(of_stream, address, how);
        Reads reads;
        for (const auto& entry : memory.log) {
            if (entry.attributes.transaction_class == sim::TransactionClass::TableWalk) ++reads.descriptors;
            if (entry.attributes.transaction_class == sim::TransactionClass::ConfigFetch) ++reads.structures;
        }
        return reads;
    }
    /// Whether an access finds its translation without reading descriptors.
    bool cached(u64 address, u32 of_stream = stream) { return reads_of(address, of_stream).descriptors == 0; }

    // Events.

    EventBuilder record(u32 index = 0) {
        EventBuilder record;
        memory.read(evtq + (index & 15) * 32, record.words().data(), 32);
        return record;
    }
    /// Number of the only event so far; `no_event` if there is none.
    u64 only_event() {
        const u32 count = events();
        if (count == 0) return no_event;
        return count == 1 ? record().get(bits::event::number) : several_events;
    }

    // Registers.

    void write_cr0(u64 value) {
        write32(0x20, value);
        run();
    }
    void acknowledge_errors() {
        write32(0x64, inspect32(0x60));
        run();
    }
    u64 error() { return inspect32(0x9C) >> 24 & 0x7F; }  ///< CMDQ_CONS.ERR
    bool command_error_active() { return ((inspect32(0x60) ^ inspect32(0x64)) & 1) != 0; }
    /// Everything issued so far, and what it sets in motion.
    void run_commands() {
        ring();
        run();
    }
    bool all_consumed() { return consumer() == producer(); }

private:
    static uarch::SmmuConfig changed(const Change& change) {
        uarch::SmmuConfig config = small_config();
        if (change) change(config.identification);
        return config;
    }
    static uarch::SmmuConfig configured(const ConfigChange& change) {
        uarch::SmmuConfig config = small_config();
        change(config);
        return config;
    }
};

}  // namespace smmusim::test::rule
