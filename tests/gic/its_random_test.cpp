// Promises under random traffic: nothing is lost or duplicated, and no guest mistake stops the machine.
#include "gic/machine.hpp"
#include "gic/random.hpp"

namespace smmusim::gic::test {
namespace {

using Code = ItsCommand::Code;

u64 dropped(const Counters& counters) {
    u64 sum = 0;
    for (const char* reason : {"disabled", "device_out_of_range", "unmapped_device", "event_out_of_range",
                               "unmapped_event", "unmapped_collection", "invalid_entry", "table_access"})
        sum += counters[std::string("its0.dropped.") + reason];
    return sum;
}

TEST(ItsRandom, RandomCommandsTablesAndMessagesEndInIdleness) {
    for (u64 seed = 1; seed <= 20; ++seed) {
        Random random(seed);
        Machine m;
        m.start();
        u64 messages = 0;
        for (u32 round = 0; round < 60; ++round) {
            std::vector<ItsCommand> commands;
            for (u32 count = random.below(12); count != 0; --count) {
                ItsCommand entry;
                if (random.below(4) == 0) {
                    for (u64& word : entry.words) word = random.next();
                } else {
                    entry.set(ItsCommand::Command, static_cast<Code>(1 + random.below(16)));
                    entry.set(ItsCommand::DeviceID, random.below(4));
                    entry.words[1] = random.below(8) | u64{8190 + random.below(16)} << 32;
                    if (entry[ItsCommand::Command] == Code::MAPD) {
                        entry.words[1] = random.below(6);
                        entry.set(ItsCommand::ITT_addr, m.itt(random.below(4)));
                        entry.set(ItsCommand::V, random.below(4) != 0);
                    } else {
                        entry.set(ItsCommand::ICID, random.below(4));
                        entry.set(ItsCommand::RDbase, random.below(5));
                        entry.set(ItsCommand::RDbase2, random.below(5));
                        entry.set(ItsCommand::V, random.below(4) != 0);
                    }
                }
                commands.push_back(entry);
            }
            m.submit(commands);
            for (u32 count = random.below(6); count != 0; --count, ++messages)
                m.doorbell(random.below(5), random.below(9));
            if (random.below(3) == 0) m.memory.put<u64>(m.itt(random.below(4)) + 8 * random.below(8), random.next());
            m.run_until(m.now() + random.below(2'000'000));
            const u32 cpu = random.below(Machine::cpus);
            m.cpu(cpu).end(m.cpu(cpu).acknowledge());
        }
        m.run();
        EXPECT_EQ(m.creadr(), m.write_offset) << seed;
        EXPECT_EQ(m.simulation.waiting(), "") << seed;
        const Counters counters(m.gic);
        EXPECT_EQ(counters["its0.translations"] + dropped(counters), messages) << seed;
    }
}

TEST(ItsRandom, AffinityChangesUnderLoadLoseAndDuplicateNothing) {
    constexpr u32 events = 8;
    Random random(7);
    Machine m;
    m.start();
    m.map(1, events, 0);
    m.execute({mapc(1, 1), mapc(2, 2), mapc(3, 3), sync(1), sync(2), sync(3)});
    std::array<u32, events> home{};  // collection = CPU
    std::array<u64, events> messages{};
    std::array<u64, events> acknowledged{};
    std::array<u64, events> unanswered{};  // messages since the last acknowledge
    const auto handle = [&](u32 cpu) {
        const u32 intid = m.cpu(cpu).acknowledge();
        if (intid == 1023) return false;
        m.cpu(cpu).end(intid);
        const u32 event = intid - Machine::lpi(1, 0);
        EXPECT_LT(event, events);
        ++acknowledged[event];
        unanswered[event] = 0;
        return true;
    };
    for (u32 step = 0; step < 20'000; ++step) {
        const u32 event = random.below(events);
        switch (random.below(4)) {
            case 0: {
                const u32 from = home[event];
                home[event] = random.below(Machine::cpus);
                m.submit({about(Code::MOVI, 1, event, home[event]), sync(from)});
                break;
            }
            case 1: handle(random.below(Machine::cpus)); break;
            default:
                m.doorbell(1, event);
                ++messages[event];
                ++unanswered[event];
                break;
        }
        m.run_until(m.now() + random.below(400'000));
        // The queue must not be overrun: 2048 places, two commands a step.
        if (step % 500 == 499) m.run();
    }
    m.run();
    EXPECT_EQ(m.error(), 0u);
    for (u32 cpu = 0; cpu < Machine::cpus; ++cpu) {
        for (const u32 intid : m.cpu(cpu).pending()) EXPECT_EQ(home[intid - Machine::lpi(1, 0)], cpu) << "misrouted";
        while (handle(cpu)) m.run();
    }
    for (u32 event = 0; event < events; ++event) {
        EXPECT_GT(messages[event], 0u);
        EXPECT_LE(acknowledged[event], messages[event]) << "duplicated";
        EXPECT_GT(acknowledged[event], 0u);
    }
    // A message may have been taken by an acknowledge after it was sent; none may be left unanswered for good.
    EXPECT_EQ(unanswered, (std::array<u64, events>{}));
    const Counters counters(m.gic);
    u64 sent = 0;
    u64 taken = 0;
    for (u32 event = 0; event < events; ++event) {
        sent += messages[event];
        taken += acknowledged[event];
    }
    EXPECT_EQ(counters["its0.translations"], sent);
    EXPECT_EQ(counters["gicr.messages"] - counters["gicr.moved"], sent);
    EXPECT_EQ(taken + counters["gicr.coalesced"], counters["gicr.messages"] - counters["gicr.moved"])
        << "every message was acknowledged or found its interrupt pending";
}

}  // namespace
}  // namespace smmusim::gic::test
