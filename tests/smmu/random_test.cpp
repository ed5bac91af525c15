// On random tables the timed SMMU, its functional path and the independent oracle agree, read by read.
#include <fmt/format.h>

#include <set>

#include "oracle/oracle.hpp"
#include "smmu/device_machine.hpp"
#include "smmu/random_tables.hpp"

namespace smmusim::test {
namespace {

struct Expected {
    oracle::Outcome outcome;
    support::Result result;
};

/// Asks the oracle, which makes up the memory as it goes.
Expected expected(RandomCase& random) {
    oracle::Memory memory;
    memory.read = [&](u64 address) -> std::optional<u64> { return random.read(address); };
    memory.write = [](u64, u64) { return true; };
    Expected answer;
    answer.outcome = oracle::translate(random.identity, random.registers, memory, random.transaction);
    answer.result.ok =
        answer.outcome.verdict == oracle::Verdict::Translated || answer.outcome.verdict == oracle::Verdict::ReadAsZero;
    answer.result.pa = answer.outcome.pa;
    if (answer.outcome.recorded) answer.result.event = answer.outcome.event;
    for (const oracle::Read& read : answer.outcome.reads) answer.result.reads.push_back({read.address, read.size});
    return answer;
}

template <class Machine>
std::string difference(u64 seed, std::set<u64>& numbers) {
    RandomCase random(seed);
    const Expected answer = expected(random);
    Machine machine(random.identity);
    for (const auto& [address, value] : random.memory()) machine.write(address, value);
    machine.enable(random.registers);
    const support::Result result = machine.access(random.transaction);
    numbers.insert(answer.result.event ? answer.result.event->words()[0] & 0xFF : 0);

    std::string text;
    if (result.ok != answer.result.ok) text += fmt::format(" ok {}", result.ok);
    if (answer.outcome.verdict == oracle::Verdict::Translated && result.pa != answer.result.pa)
        text += fmt::format(" pa {:#x}", result.pa);
    if (result.event.has_value() != answer.result.event.has_value()) text += " an event too many or too few";
    else if (result.event && result.event->words() != answer.result.event->words())
        text += fmt::format(" event {:x} {:x} {:x} {:x}", result.event->words()[0], result.event->words()[1],
                            result.event->words()[2], result.event->words()[3]);
    if (result.reads != answer.result.reads) text += fmt::format(" {} reads", result.reads.size());
    if (answer.outcome.verdict == oracle::Verdict::Translated && answer.outcome.span != 0 &&
        result.span != answer.outcome.span)
        text += fmt::format(" span {:#x}", result.span.value_or(0));
    return text.empty() ? text : fmt::format("seed {}:{}; expected {}", seed, text, oracle::describe(answer.outcome));
}

template <class Machine>
void agree(u64 first_seed, u64 count) {
    std::set<u64> numbers;
    unsigned wrong = 0;
    for (u64 seed = first_seed; seed < first_seed + count && wrong < 5; ++seed) {
        const std::string text = difference<Machine>(seed, numbers);
        if (text.empty()) continue;
        ++wrong;
        ADD_FAILURE() << text;
    }
    // The cases reach every way to end that needs no abort on the bus.
    for (const u64 number : {0x00, 0x04, 0x06, 0x08, 0x0A, 0x10, 0x11, 0x12, 0x13})
        EXPECT_TRUE(numbers.contains(number)) << number;
}

TEST(RandomTables, FunctionalPathAgreesWithTheOracle) { agree<FunctionalMachine>(1, 20'000); }
TEST(RandomTables, TimedSmmuAgreesWithTheOracle) { agree<DeviceMachine>(1'000'000, 10'000); }

}  // namespace
}  // namespace smmusim::test
