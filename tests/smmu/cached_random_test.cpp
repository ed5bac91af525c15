// What caches answer is what a walk would find: accesses to random tables, again and again, against the functional
// path.
#include <fmt/format.h>

#include "smmu/device_machine.hpp"
#include "smmu/random_tables.hpp"

namespace smmusim::test::cached_random {
namespace {

class CachingMachine : public DeviceMachine {
public:
    CachingMachine(const support::Identity& identity, bool tlbs) : DeviceMachine(caching(identity, tlbs)) {}

    arch::Outcome answer() const { return answer_; }
    /// Whether a descriptor on the way is marked contiguous: its neighbours, made up at random, do not match it.
    bool contiguous() const { return contiguous_; }

    /// A difference to what a walk finds now, or nothing.
    std::string compare(const support::Transaction& transaction) {
        const uarch::Inspection inspection = smmu_.inspect(request_of(transaction));
        answer_ = inspection.result.outcome;
        for (const arch::Step& step : inspection.steps)
            contiguous_ = contiguous_ || (step.fetch.descriptor() && (step.words[0] >> 52 & 1) != 0);
        if (contiguous_ || answer_.disposition == arch::Disposition::Stall) return {};
        Client client(simulation_);
        client.access = access_of(transaction);
        client.access->push(client);
        smmu_.tbu(0).receive(*client.access, simulation_.now());
        run();
        if (!client.done) return "does not end";
        const bool passes = answer_.disposition == arch::Disposition::Proceed;
        if (passes != (client.access->status == sim::Status::Ok)) return "passes or not";
        if (passes && client.access->address != answer_.address)
            return fmt::format("{:#x} instead of {:#x}", client.access->address, answer_.address);
        return {};
    }
    u64 walk_reads() {
        u64 reads = 0;
        for (const FakeMemory::Logged& entry : memory_.log) reads += of_tables(entry.attributes) ? 1 : 0;
        return reads;
    }

private:
    static bool of_tables(const sim::Attributes& attributes) {
        return attributes.transaction_class == sim::TransactionClass::TableWalk;
    }
    static uarch::SmmuConfig caching(const support::Identity& identity, bool tlbs) {
        uarch::SmmuConfig config = configure(identity);
        config.tcu.walk_cache.entries = 16;
        config.tcu.walk_cache_leaves = true;
        config.tcu.prefetch = uarch::PrefetchPolicy::NextPage;
        if (!tlbs) config.tbus[0].utlb.entries = config.tbus[0].tlb.entries = 0;
        return config;
    }
    arch::Outcome answer_;
    bool contiguous_ = false;
};

/// Reads, writes, of either privilege, of the same page and of the next: what is cached must serve just what it
/// permits.
std::vector<support::Transaction> variations(const support::Transaction& first) {
    std::vector<support::Transaction> result{first, first};
    for (const u64 offset : {u64{0}, u64{0x1000}, u64{0x20'0000}})
        for (const support::Kind kind : {support::Kind::Read, support::Kind::Write, support::Kind::Read})
            for (const bool privileged : {false, true}) {
                support::Transaction next = first;
                next.address = first.address ^ offset;
                next.kind = kind;
                next.privileged = privileged;
                next.instruction = false;
                result.push_back(next);
            }
    return result;
}

TEST(CachedRandomTables, CachesAnswerWhatAWalkWouldFind) {
    u64 passed = 0, saved = 0;
    unsigned wrong = 0;
    for (u64 seed = 7'000'000; seed < 7'010'000 && wrong < 5; ++seed) {
        RandomCase random(seed);
        CachingMachine machine(random.identity, seed % 2 == 0);
        // The functional path of a machine of its own finds out what memory holds.
        const std::vector<support::Transaction> transactions = variations(random.transaction);
        FunctionalMachine explorer(random.identity);
        explorer.enable(random.registers);
        for (const auto& transaction : transactions) explorer.explore(transaction, random);
        for (const auto& [address, value] : random.memory()) machine.write(address, value);
        machine.enable(random.registers);
        u64 walked = 0;
        for (const support::Transaction& transaction : transactions) {
            const std::string text = machine.compare(transaction);
            if (machine.contiguous() || machine.answer().disposition == arch::Disposition::Stall) break;
            passed += machine.answer().disposition == arch::Disposition::Proceed;
            saved += machine.answer().translated && machine.walk_reads() == walked;
            walked = machine.walk_reads();
            if (text.empty()) continue;
            ++wrong;
            ADD_FAILURE() << "seed " << seed << ": " << text;
            break;
        }
    }
    EXPECT_GT(passed, 4'000u);
    EXPECT_GT(saved, 1'000u);
}

}  // namespace
}  // namespace smmusim::test::cached_random
