// On random tables the timed SMMU, its functional path and the independent oracle agree, read by read.
#include <fmt/format.h>

#include <map>
#include <set>

#include "oracle/oracle.hpp"
#include "smmu/device_machine.hpp"
#include "smmu/random_tables.hpp"

namespace smmusim::test::random {
namespace {

struct Expected {
    oracle::Outcome outcome;
    support::Result result;
};

/// Asks the oracle, which makes up the memory as it goes. `after`: what it has changed.
Expected expected(RandomCase& random, bool read_only, std::map<u64, u64>& after) {
    oracle::Memory memory;
    memory.read = [&](u64 address) -> std::optional<u64> {
        const auto changed = after.find(address);
        return changed != after.end() ? changed->second : random.read(address);
    };
    memory.write = [&](u64 address, u64 value) {
        if (read_only) return false;
        after[address] = value;
        return true;
    };
    Expected answer;
    answer.outcome = oracle::translate(random.identity, random.registers, memory, random.transaction);
    answer.result.ok =
        answer.outcome.verdict == oracle::Verdict::Translated || answer.outcome.verdict == oracle::Verdict::ReadAsZero;
    answer.result.pa = answer.outcome.pa;
    if (answer.outcome.recorded) answer.result.event = answer.outcome.event;
    for (const oracle::Read& read : answer.outcome.reads) answer.result.reads.push_back({read.address, read.size});
    return answer;
}

/// What a run of all cases has come across.
struct Coverage {
    std::set<u64> numbers;  ///< of events; 0: none
    u64 updates = 0;
    u64 stalls = 0;
};

template <class Machine>
std::string difference(u64 seed, Coverage& coverage) {
    RandomCase random(seed);
    std::map<u64, u64> after;
    const bool read_only = Machine::sees_failing_updates && random.read_only();
    const Expected answer = expected(random, read_only, after);
    Machine machine(random.identity);
    for (const auto& [address, value] : random.memory()) machine.write(address, value);
    if (random.fault()) machine.fail(*random.fault());
    if (read_only) machine.fail_updates();
    machine.enable(random.registers);
    const support::Result result = machine.access(random.transaction);
    coverage.numbers.insert(answer.result.event ? answer.result.event->words()[0] & 0xFF : 0);
    coverage.stalls += answer.outcome.verdict == oracle::Verdict::Stall;
    coverage.updates += answer.outcome.updates.size();

    std::string text;
    if (result.stalled != (answer.outcome.verdict == oracle::Verdict::Stall)) text += " stalled or not";
    if (result.ok != answer.result.ok) text += fmt::format(" ok {}", result.ok);
    if (answer.outcome.verdict == oracle::Verdict::Translated && result.pa != answer.result.pa)
        text += fmt::format(" pa {:#x}", result.pa);
    if (result.event.has_value() != answer.result.event.has_value()) text += " an event too many or too few";
    else if (result.event && result.event->words() != answer.result.event->words())
        text += fmt::format(" event {:x} {:x} {:x} {:x}", result.event->words()[0], result.event->words()[1],
                            result.event->words()[2], result.event->words()[3]);
    if (result.reads != answer.result.reads) {
        text += " reads";
        for (const support::BusRead& read : result.reads) text += fmt::format(" {:#x}", read.address);
    }
    if (answer.outcome.verdict == oracle::Verdict::Translated && answer.outcome.span != 0 &&
        result.span != answer.outcome.span)
        text += fmt::format(" span {:#x}", result.span.value_or(0));
    for (const auto& [address, before] : random.memory()) {
        const auto changed = after.find(address);
        const u64 value = changed != after.end() ? changed->second : before;
        if (machine.read(address) != value)
            text += fmt::format(" [{:#x}] = {:#x}, not {:#x}", address, machine.read(address), value);
    }
    return text.empty() ? text : fmt::format("seed {}:{}; expected {}", seed, text, oracle::describe(answer.outcome));
}

template <class Machine>
void agree(u64 first_seed, u64 count) {
    Coverage coverage;
    unsigned wrong = 0;
    for (u64 seed = first_seed; seed < first_seed + count && wrong < 5; ++seed) {
        const std::string text = difference<Machine>(seed, coverage);
        if (text.empty()) continue;
        ++wrong;
        ADD_FAILURE() << text;
    }
    // The cases reach every way to end.
    for (const u64 number : {0x00, 0x03, 0x04, 0x06, 0x08, 0x09, 0x0A, 0x0B, 0x10, 0x11, 0x12, 0x13})
        EXPECT_TRUE(coverage.numbers.contains(number)) << number;
    EXPECT_GE(coverage.updates, count / 500);
    EXPECT_GE(coverage.stalls, count / 500);
}

TEST(RandomTables, FunctionalPathAgreesWithTheOracle) { agree<FunctionalMachine>(1, 100'000); }
TEST(RandomTables, TimedSmmuAgreesWithTheOracle) { agree<DeviceMachine>(1'000'000, 100'000); }

}  // namespace
}  // namespace smmusim::test::random
