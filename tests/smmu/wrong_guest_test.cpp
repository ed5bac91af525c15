// A guest can do nothing that crashes or hangs the SMMU: random registers, structures, commands and traffic.
#include <set>

#include "smmu/machine.hpp"
#include "smmu/random_tables.hpp"

namespace smmusim::test::wrong_guest {
namespace {

/// Requesters that answer ATC invalidations at once, late, or never.
class UnreliableRequesters final : public sim::AtsRequesters {
public:
    explicit UnreliableRequesters(Random& random) : random_(random) {}
    void invalidate(const sim::AtcInvalidation&, sim::AtcCompletion& completion, u64 ticket) override {
        if (random_.chance(80)) completion.atc_invalidated(ticket);
        else if (random_.chance(50)) late_.emplace_back(&completion, ticket);
    }
    void respond(const sim::PageResponse&) override {}
    void catch_up() {
        for (const auto& [completion, ticket] : std::exchange(late_, {})) completion->atc_invalidated(ticket);
    }

private:
    Random& random_;
    std::vector<std::pair<sim::AtcCompletion*, u64>> late_;
};

class WrongGuest {
public:
    explicit WrongGuest(u64 seed) : random_(seed), requesters_(random_) {
        machine_.smmu.set_requesters(&requesters_);
        machine_.stage1_stream(8);
        if (random_.chance(80)) machine_.bring_up();
    }

    void act(unsigned steps) {
        for (unsigned step = 0; step < steps; ++step) {
            switch (random_.below(8)) {
                case 0: write_register(); break;
                case 1: scribble(SmmuMachine::strtab, 0x4000); break;
                case 2: scribble(SmmuMachine::cds, 0x1000); break;
                case 3: issue_command(); break;
                case 4: submit(); break;
                case 5: ask_for_a_page(); break;
                case 6: requesters_.catch_up(); break;
                default: machine_.run_to(machine_.simulation.now() + random_.below(400) * nanosecond);
            }
        }
        machine_.run();
        // What has stalled ends with SMMUEN.
        machine_.write32(0x20, 0);
        machine_.run();
    }

    /// Every transaction came back.
    bool all_done() const {
        return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client->done; });
    }
    SmmuMachine& machine() { return machine_; }

    /// Own writes of the SMMU that nothing allows: updates of what was not read as a descriptor, records outside every
    /// queue that the guest has ever named, messages to addresses that it has never written.
    std::vector<u64> stray_writes() {
        std::set<u64> descriptors;
        std::vector<u64> stray;
        for (const FakeMemory::Logged& entry : machine_.memory.log) {
            const sim::TransactionClass what = entry.attributes.transaction_class;
            if (what == sim::TransactionClass::TableWalk && entry.command == sim::Command::Read)
                descriptors.insert(entry.address);
            if (entry.command == sim::Command::Read) continue;
            const bool allowed = what == sim::TransactionClass::TableWalk ? descriptors.contains(entry.address)
                                 : what == sim::TransactionClass::Queue   ? in_a_queue(entry.address)
                                 : what == sim::TransactionClass::Message ? named(entry.address)
                                                                          : what == sim::TransactionClass::Data;
            if (!allowed) stray.push_back(entry.address);
        }
        return stray;
    }

private:
    /// Whether the address of a message is one that a register or a command has named.
    bool named(u64 address) const {
        for (const u64 high : high_halves_)
            for (const u64 low : low_halves_)
                if (((high & 0xFF'FFFF) << 32 | (low & ~u64{3})) == address) return true;
        return sync_addresses_.contains(address);
    }
    /// Halves of queue bases are written independently: any high half may meet any low half.
    bool in_a_queue(u64 address) const {
        for (const u64 low : low_halves_)
            for (const u64 high : high_halves_) {
                const u64 bytes = u64{32} << std::min<u64>(low & 0x1F, 19);
                const u64 base = ((high & 0xFF'FFFF) << 32 | low) & ~(bytes - 1);
                if (address - base < bytes) return true;
            }
        return false;
    }

    void write_register() {
        constexpr std::array offsets{0x20, 0x20, 0x28, 0x2C, 0x44, 0x50, 0x64, 0x68, 0x80,  0x88,  0x90,
                                     0x98, 0x9C, 0xA0, 0xB0, 0xBC, 0xC0, 0xD0, 0xDC, 0x100, 0x108, 0x110};
        const u64 offset = random_.chance(80)   ? static_cast<u64>(offsets[random_.below(offsets.size())])
                           : random_.chance(50) ? random_.one_of<u64>({0x100A8, 0x100AC, 0x100C8, 0x100CC})
                                                : random_.below(0x2'0000) & ~u64{3};
        // Tables stay in memory that exists half of the time.
        const u64 value = random_.chance(50) ? random_.next() : SmmuMachine::ram + random_.below(1 << 24);
        low_halves_.insert(value & 0xFFFF'FFFF);
        high_halves_.insert(value >> 32);
        high_halves_.insert(value & 0xFFFF'FFFF);
        if (random_.chance(50)) machine_.write32(offset, value & 0xFFFF'FFFF);
        else machine_.write64(offset, value);
    }
    void scribble(u64 base, u64 size) {
        machine_.memory.put<u64>(base + (random_.below(size) & ~u64{7}),
                                 random_.chance(50) ? random_.next() : random_.next() & 0xFFFF);
    }
    void issue_command() {
        constexpr std::array opcodes{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x20,
                                     0x21, 0x22, 0x28, 0x2A, 0x30, 0x40, 0x41, 0x44, 0x45, 0x46};
        const u64 opcode =
            random_.chance(85) ? static_cast<u64>(opcodes[random_.below(opcodes.size())]) : random_.below(256);
        const u64 upper = random_.next();
        sync_addresses_.insert(upper & (sim::low_mask(56) & ~u64{3}));
        machine_.command((random_.next() & ~u64{0xFF}) | opcode, upper);
        machine_.ring();
        if (random_.chance(50)) machine_.write32(0x64, machine_.inspect32(0x60));  // acknowledge errors
    }
    void submit() {
        clients_.push_back(std::make_unique<Client>(machine_.simulation));
        const sim::Command command = random_.one_of({sim::Command::Read, sim::Command::Write, sim::Command::Atomic});
        const sim::AddressType type =
            random_.chance(70) ? sim::AddressType::Untranslated
                               : random_.one_of({sim::AddressType::TranslationRequest, sim::AddressType::Translated});
        const u32 stream = random_.chance(60) ? 8 : static_cast<u32>(random_.below(300));
        const u64 address = random_.chance(70) ? random_.below(1 << 20) << 6 : random_.next() & ~u64{63};
        const bool guess = random_.chance(10);
        clients_.back()->submit(machine_.smmu.tbu(0), command, stream, address, 8, 0, [&](sim::Attributes& attributes) {
            attributes.address_type = type;
            attributes.speculative = guess;
        });
    }
    void ask_for_a_page() {
        sim::PageRequest request;
        request.stream_id = random_.chance(60) ? 8 : static_cast<u32>(random_.below(300));
        if (random_.chance(30)) request.substream_id = static_cast<u32>(random_.below(8));
        request.address = random_.next() & ~u64{0xFFF};
        request.read = random_.chance(70);
        request.last = random_.chance(70);
        request.group = static_cast<u16>(random_.below(512));
        machine_.smmu.page_request(request);
    }

    Random random_;
    UnreliableRequesters requesters_;
    SmmuMachine machine_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::set<u64> low_halves_{0, SmmuMachine::evtq | SmmuMachine::evtq_log2};
    std::set<u64> high_halves_{0};
    std::set<u64> sync_addresses_;
};

TEST(WrongGuest, NeverCrashesNorHangsTheSmmu) {
    for (u64 seed = 1; seed <= 4000; ++seed) {
        WrongGuest guest(seed);
        guest.act(120);
        ASSERT_TRUE(guest.all_done()) << "seed " << seed << "\n" << guest.machine().simulation.waiting();
        ASSERT_EQ(guest.machine().smmu.stalled(), 0u) << "seed " << seed;
        ASSERT_EQ(guest.stray_writes(), std::vector<u64>{}) << "seed " << seed;
    }
}

TEST(WrongGuest, ResetEndsEverythingAndTheSmmuWorksAgain) {
    for (u64 seed = 1; seed <= 50; ++seed) {
        // Two misses, of which one holds every slot and the other waits: the next one gets them nevertheless.
        smmu::uarch::SmmuConfig config = SmmuMachine::small_config();
        config.tbus[0].translation_slots = 1;
        config.tcu.walk_slots = 1;
        SmmuMachine machine(config);
        const u64 root = machine.stage1_stream(8);
        machine.map(root, 0x1000, SmmuMachine::ram + 0x200'0000);
        machine.bring_up();
        Random random(seed);
        Client interrupted(machine.simulation), waiting(machine.simulation);
        interrupted.submit(machine.smmu.tbu(0), sim::Command::Read, 8, 0x1000);
        waiting.submit(machine.smmu.tbu(0), sim::Command::Read, 8, 0x2000);
        machine.run_to(machine.simulation.now() + random.below(900) * nanosecond);
        machine.simulation.scheduler().clear();
        machine.smmu.reset();
        EXPECT_EQ(machine.inspect32(0x20), 0u);
        machine.bring_up();
        Client client(machine.simulation);
        client.submit(machine.smmu.tbu(0), sim::Command::Read, 8, 0x1040);
        machine.run();
        ASSERT_TRUE(client.done);
        EXPECT_EQ(client.access->status, sim::Status::Ok);
    }
}

}  // namespace
}  // namespace smmusim::test::wrong_guest
