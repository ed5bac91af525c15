// One stream of an SMMU with both stages, its structures set bit by bit: each test spoils what its rule is about.
#pragma once

#include <optional>
#include <set>

#include "smmu/machine.hpp"
#include "support/machine.hpp"
#include "support/structure_builder.hpp"
#include "support/table_builder.hpp"

namespace smmusim::test {

namespace ste = support::ste;
namespace cd = support::cd;
namespace event = support::event;
using support::CdBuilder;
using support::EventBuilder;
using support::Kind;
using support::SteBuilder;

/// One transaction of a client.
struct Ask : support::Transaction {
    sim::MemoryAttributes memory;
    sim::AddressType type = sim::AddressType::Untranslated;
    bool speculative = false;
    bool no_write = false;  ///< NW of a translation request
    sim::CacheOperation operation = sim::CacheOperation::None;
    u32 size = 8;

    Ask(Kind what, u64 where) {
        stream = 8;
        kind = what;
        address = where;
    }
    Ask& with_privilege() { return privileged = true, *this; }
    Ask& as_instruction() { return instruction = true, *this; }
    Ask& of_stream(u32 id) { return stream = id, *this; }
    Ask& of_substream(u32 id) { return substream = id, *this; }
    Ask& as_guess() { return speculative = true, *this; }
    Ask& without_write() { return no_write = true, *this; }
    Ask& of_size(u32 bytes) { return size = bytes, *this; }
    Ask& of_type(sim::AddressType what) { return type = what, *this; }
    Ask& with_memory(const sim::MemoryAttributes& attributes) { return memory = attributes, *this; }
};
/// A cache maintenance operation by address.
inline Ask maintain(u64 address, sim::CacheOperation what) {
    Ask ask(Kind::Read, address);
    ask.operation = what;
    return ask;
}
inline Ask read(u64 address) { return {Kind::Read, address}; }
inline Ask write(u64 address) { return {Kind::Write, address}; }
inline Ask atomic(u64 address) { return {Kind::Atomic, address}; }
inline Ask fetch(u64 address) { return Ask(Kind::Read, address).as_instruction(); }
/// A translation request and a transaction with a translated address of PCI Express.
inline Ask request(u64 address) { return read(address).of_type(sim::AddressType::TranslationRequest); }
inline Ask translated(Ask ask) { return ask.of_type(sim::AddressType::Translated); }

/// What the client and the software saw of it.
struct Answer {
    sim::Status status = sim::Status::Pending;
    std::optional<u64> address;  ///< where it went, if it left the SMMU
    sim::Attributes attributes;  ///< with which it left
    u64 data = 0;                ///< what came back
    std::vector<EventBuilder> events;

    bool passed() const { return address.has_value() && status == sim::Status::Ok; }
    /// Number of the only event; 0 if there is none or more than one.
    u64 event() const { return events.size() == 1 ? events[0].get(event::number) : 0; }
};

/// Stage 1 tables, their output and the CD have addresses that in nested streams are intermediate: they are stored
/// `storage` higher, so that an intermediate address taken for a physical one finds nothing.
class TwoStageMachine : public SmmuMachine {
public:
    static constexpr u32 stream = 8;
    static constexpr u64 first_root = 0x8000'0000;
    static constexpr u64 second_root = 0x1'0000'0000;
    static constexpr u64 cd_address = 0x8800'0000;
    static constexpr u64 page = 0x9000'0000;  ///< output of stage 1
    static constexpr u64 storage = 0x2'0000'0000;
    static constexpr u64 address = 0x12'3456'7000;  ///< mapped by map()
    static constexpr u64 first_leaf = 0xF43;        ///< page, AttrIndx 0, read and write for all, ISH, AF, nG
    static constexpr u64 second_leaf = 0x7FF;       ///< page, type of stage 1 stays, read and write, ISH, AF

    explicit TwoStageMachine(u64 configuration = ste::Nested, const uarch::SmmuConfig& config = small_config())
        : SmmuMachine(config), configuration_(configuration) {
        entry.set(ste::V, 1).set(ste::Config, configuration).set(ste::S1ContextPtr, cd_address).set(ste::SHCFG, 1);
        entry.set(ste::S2AA64, 1).set(ste::S2PS, 5).set(ste::S2R, 1).set(ste::S2VMID, 5);
        context.set(cd::V, 1).set(cd::AA64, 1).set(cd::R, 1).set(cd::A, 1).set(cd::IPS, 5).set(cd::EPD1, 1);
        context.set(cd::ASID, 3).set(cd::MAIR0, 0xFF);
        first_tables(12, 16, 0);
        second_tables(12, 16, 2, 0);
    }
    /// ID registers changed by `change`.
    template <class Change>
    static uarch::SmmuConfig with(Change change) {
        uarch::SmmuConfig config = small_config();
        change(config.identification);
        return config;
    }
    template <class Change>
    static TwoStageMachine make(u64 configuration, Change change) {
        return TwoStageMachine(configuration, with(change));
    }

    /// Geometry of a stage; `start` is the level at which its tables begin.
    void first_tables(unsigned offset_bits, unsigned size_field, int start) {
        context.set(cd::TG0, support::encode_tg0(offset_bits)).set(cd::T0SZ, size_field).set(cd::TTB0, first_root);
        first_.emplace(words_, offset_bits, start, first_root, first_root + 0x10'0000, nested() ? storage : 0);
    }
    void second_tables(unsigned offset_bits, unsigned size_field, u64 start_field, int start) {
        entry.set(ste::S2TG, support::encode_tg0(offset_bits)).set(ste::S2T0SZ, size_field);
        entry.set(ste::S2SL0, start_field).set(ste::S2TTB, second_root);
        second_.emplace(words_, offset_bits, start, second_root, second_root + 0x100'0000);
        second_bits_ = offset_bits;
    }
    /// Descriptors of the tree of a stage.
    void put_first(u64 input, int level, u64 descriptor) {
        first_->put(input, level, descriptor);
        if (running_) write_structures();
    }
    void put_second(u64 input, int level, u64 descriptor) {
        second_->put(input, level, descriptor);
        mapped_.insert(input >> second_bits_);
        if (running_) write_structures();
    }
    /// Maps a 4 KiB page in every enabled stage, with these leaf attributes.
    void map(u64 input = address, u64 first = first_leaf, u64 second = second_leaf, u64 output = page) {
        if ((configuration_ & 1) != 0) put_first(input, 3, output | first);
        if (nested()) put_second(output, 3, (output + storage) | second);
        if (configuration_ == ste::Stage2) put_second(input, 3, (output + storage) | second);
    }
    /// Where map() leads.
    u64 final_page() const { return configuration_ == ste::Stage1 ? page : page + storage; }
    /// Physical address of something that stage 1 tables name by `address`.
    u64 stored(u64 at) const { return nested() ? at + storage : at; }
    /// Physical address of the descriptor of stage 1 for `input`; level 0 is the start of a 4 KiB tree.
    u64 first_descriptor(u64 input, int level) {
        return descriptor_of(first_root, input, level, nested() ? storage : 0);
    }
    u64 second_descriptor(u64 input, int level) { return descriptor_of(second_root, input, level, 0); }

    /// Puts STE, CD and tables into memory; stage 2 maps tables and CD unless the test did.
    void write_structures() {
        if (nested()) {
            const std::set<u64> wanted = own_pages();
            for (const u64 number : wanted)
                if (!mapped_.contains(number))
                    second_->put(number << second_bits_, 3, ((number << second_bits_) + storage) | second_leaf);
            mapped_.insert(wanted.begin(), wanted.end());
        }
        for (const auto& [at, value] : words_) memory.put(at, value);
        memory.write(strtab + u64{stream} * 64, entry.words().data(), 64);
        memory.write(stored(cd_address), context.words().data(), 64);
    }
    /// All of it, and the SMMU on.
    TwoStageMachine& start(u64 cr2 = 0b10) {
        write_structures();
        bring_up(true, cr2);
        running_ = true;
        memory.log.clear();
        return *this;
    }

    /// Another stream table, as a driver changes it.
    void use_stream_table(u64 base_address, u64 configuration) {
        write32(0x20, 0b1100);
        run();
        write64(0x80, base_address);
        write32(0x88, configuration);
        write32(0x20, 0b1101);
        run();
        execute({{0x04, 31}});  // CFGI_ALL
        memory.log.clear();
    }
    /// CR0, in force on return.
    void set_cr0(u64 value) {
        write32(0x20, value);
        run();
    }
    Answer send(const Ask& ask) {
        Client client(simulation);
        post(client, ask);
        run();
        return result(client);
    }
    /// Hands a transaction to the SMMU without waiting for it.
    void post(Client& client, const Ask& ask) {
        const sim::Command command = ask.kind == Kind::Read    ? sim::Command::Read
                                     : ask.kind == Kind::Write ? sim::Command::Write
                                                               : sim::Command::Atomic;
        client.access = simulation.accesses().make(command, ask.address, ask.size);
        std::memset(client.access->data(), 0, ask.size);
        sim::Attributes& attributes = client.access->attributes;
        attributes.stream_id = ask.stream;
        attributes.substream_id = ask.substream.value_or(sim::no_id);
        attributes.privileged = ask.privileged;
        attributes.instruction = ask.instruction;
        attributes.memory = ask.memory;
        attributes.address_type = ask.type;
        attributes.speculative = ask.speculative;
        attributes.no_write = ask.no_write;
        attributes.cache_operation = ask.operation;
        client.access->push(client);
        sent_from_ = memory.log.size();
        smmu.tbu(0).receive(*client.access, simulation.now());
    }
    /// What became of the last transaction that was posted.
    Answer result(const Client& client) {
        EXPECT_TRUE(client.done);
        Answer answer;
        answer.status = client.access->status;
        std::memcpy(&answer.data, client.access->data(), std::min<u32>(client.access->size, 8));
        for (std::size_t index = sent_from_; index < memory.log.size(); ++index) {
            const FakeMemory::Logged& logged = memory.log[index];
            if (logged.attributes.transaction_class != sim::TransactionClass::Data) continue;
            answer.address = logged.address;
            answer.attributes = logged.attributes;
        }
        answer.events = take_events();
        return answer;
    }
    /// Reads the event queue as a driver does.
    std::vector<EventBuilder> take_events() {
        std::vector<EventBuilder> events;
        const u32 producer = static_cast<u32>(inspect32(0x100A8));
        for (; (taken_ ^ producer) % 32 != 0; ++taken_) {
            events.emplace_back();
            memory.read(evtq + (taken_ % 16) * 32, events.back().words().data(), 32);
        }
        taken_ %= 32;
        write32(0x100AC, taken_ | (producer & 0x8000'0000));
        return events;
    }
    /// Commands and a CMD_SYNC, until they are consumed.
    void execute(std::initializer_list<std::array<u64, 2>> commands) {
        for (const auto& words : commands) command(words[0], words[1]);
        command(0x46);
        ring();
        run();
        EXPECT_EQ(consumer(), producer());
    }
    /// Reads of tables and structures since the last call of memory.log.clear().
    std::size_t own_reads() const {
        return static_cast<std::size_t>(
            std::count_if(memory.log.begin(), memory.log.end(), [](const FakeMemory::Logged& logged) {
                return logged.attributes.transaction_class == sim::TransactionClass::TableWalk ||
                       logged.attributes.transaction_class == sim::TransactionClass::ConfigFetch;
            }));
    }

    SteBuilder entry;
    CdBuilder context;

private:
    bool nested() const { return configuration_ == ste::Nested; }
    /// Intermediate pages of the stage 1 tables and of the CD.
    std::set<u64> own_pages() const {
        std::set<u64> pages{cd_address >> second_bits_, first_root >> second_bits_};
        for (const auto& [at, value] : words_)
            if (at >= first_root + storage && at < cd_address + storage) pages.insert((at - storage) >> second_bits_);
        return pages;
    }
    u64 descriptor_of(u64 root, u64 input, int level, u64 offset) {
        u64 table = root;
        for (int at = 0; at < level; ++at)
            table = words_.at(table + (input >> (39 - 9 * at) & 511) * 8 + offset) & 0xFFFF'FFFF'F000;
        return table + (input >> (39 - 9 * level) & 511) * 8 + offset;
    }

    u64 configuration_;
    support::Words words_;
    std::optional<support::TableBuilder> first_;
    std::optional<support::TableBuilder> second_;
    unsigned second_bits_ = 12;
    std::set<u64> mapped_;
    bool running_ = false;
    u32 taken_ = 0;
    std::size_t sent_from_ = 0;
};

/// A record as it must stand in the queue: what is not set must be 0.
inline EventBuilder record(event::Number number, u32 stream = TwoStageMachine::stream) {
    return EventBuilder().set(event::number, number).set(event::StreamID, stream);
}
/// A fault of an access: of stage 1 unless told otherwise.
inline EventBuilder fault(event::Number number, u64 address, bool read = true) {
    return record(number).set(event::RnW, read).set(event::CLASS, event::IN).set(event::InputAddr, address);
}
inline EventBuilder second_fault(event::Number number, u64 address, event::Class access, u64 ipa) {
    return fault(number, address).set(event::S2, 1).set(event::CLASS, access).set(event::IPA, ipa);
}
#define EXPECT_ONLY_EVENT(answer, expected)                                                                          \
    do {                                                                                                             \
        ASSERT_EQ((answer).events.size(), 1u);                                                                       \
        EXPECT_EQ((answer).events[0], (expected))                                                                    \
            << "found    " << support::describe((answer).events[0]) << "\nexpected " << support::describe(expected); \
    } while (false)

/// Commands as a driver writes them (IHI 0070, chapter 4), two words each.
namespace command {
using Words = std::array<u64, 2>;
inline Words cfgi_ste(u32 stream, bool leaf = true) { return {0x03 | u64{stream} << 32, leaf}; }
inline Words cfgi_ste_range(u32 stream, u64 range) { return {0x04 | u64{stream} << 32, range}; }
inline Words cfgi_all() { return {0x04, 31}; }
inline Words cfgi_cd(u32 stream, u32 substream = 0, bool leaf = true) {
    return {0x05 | u64{substream} << 12 | u64{stream} << 32, leaf};
}
inline Words cfgi_cd_all(u32 stream) { return {0x06 | u64{stream} << 32, 0}; }
inline Words nh_all(u16 vmid) { return {0x10 | u64{vmid} << 32, 0}; }
inline Words nh_asid(u16 vmid, u16 asid) { return {0x11 | u64{vmid} << 32 | u64{asid} << 48, 0}; }
inline Words nh_va(u16 vmid, u16 asid, u64 address, bool leaf = true) {
    return {0x12 | u64{vmid} << 32 | u64{asid} << 48, (address & ~u64{0xFFF}) | leaf};
}
inline Words nh_vaa(u16 vmid, u64 address, bool leaf = true) {
    return {0x13 | u64{vmid} << 32, (address & ~u64{0xFFF}) | leaf};
}
inline Words el2_all() { return {0x20, 0}; }
inline Words el2_asid(u16 asid) { return {0x21 | u64{asid} << 48, 0}; }
inline Words el2_va(u16 asid, u64 address, bool leaf = true) {
    return {0x22 | u64{asid} << 48, (address & ~u64{0xFFF}) | leaf};
}
inline Words el2_vaa(u64 address, bool leaf = true) { return {0x23, (address & ~u64{0xFFF}) | leaf}; }
inline Words s12_vmall(u16 vmid) { return {0x28 | u64{vmid} << 32, 0}; }
inline Words s2_ipa(u16 vmid, u64 ipa, bool leaf = true) {
    return {0x2A | u64{vmid} << 32, (ipa & 0xFF'FFFF'FFFF'F000) | leaf};
}
inline Words nsnh_all() { return {0x30, 0}; }
}  // namespace command

}  // namespace smmusim::test
