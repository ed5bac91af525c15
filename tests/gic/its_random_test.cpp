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

/// Every byte that software can write is random: registers, tables, commands. Nothing may crash, hang or poll.
TEST(ItsRandom, RandomBytesEverywhereEndInIdleness) {
    for (u64 seed = 1; seed <= 40; ++seed) {
        Random random(seed);
        ItsConfig config;
        config.hardware_collections = random.below(3);
        config.target_addresses = random.below(2) == 0;
        config.command_errors = static_cast<uarch::CommandErrorPolicy>(random.below(3));
        Machine m({}, config);
        m.start();
        const auto fill = [&](u64 address, u32 bytes) {
            for (u32 at = 0; at < bytes; at += 8) {
                // Half of the words keep the shape of an entry: valid, an address, small numbers.
                u64 word = random.next();
                if (random.below(2) == 0) word = (word & 0x8000'001F'0000'3F0F) | 0x4000'0000;
                m.memory.put<u64>(address + at, word);
            }
        };
        for (const u64 table : {Machine::device_table, Machine::collection_table, Machine::itts, Machine::properties,
                                Machine::pending_tables, Machine::queue})
            fill(table, 0x1000);
        for (u32 round = 0; round < 60; ++round) {
            switch (random.below(6)) {
                case 0:
                    m.set_s(0x0000, 0, 4);
                    m.run_until(m.now() + 10 * microsecond);
                    m.set_s(0x0100 + 8 * random.below(2), random.next());
                    m.set_s(0x0100,
                            Machine::device_table | u64{3} << 62 * random.below(2) | random.below(256) | u64{1} << 63);
                    m.set_s(0x0108,
                            Machine::collection_table | u64{random.below(2)} << 62 | random.below(256) | u64{1} << 63);
                    m.set_s(0x0080, Machine::queue | u64{1} << 63 | random.below(16));
                    m.set_s(0x0000, 1, 4);
                    break;
                case 1: m.set_s(0x0088, random.next() & 0x1FFF); break;
                case 2: m.set_s(static_cast<u32>(random.next()) & 0x1'FFF8, random.next()); break;
                case 3: {
                    const u32 cpu = random.below(Machine::cpus);
                    m.set_r(cpu, 0x0000, random.below(2));
                    if (random.below(4) == 0) m.set_r(cpu, 0x0070, random.next(), 8);
                    m.set_r(cpu, static_cast<u32>(random.next()) & 0x1'FFF8, random.next(), 8);
                    break;
                }
                case 4: fill(Machine::queue, 0x1000); break;
                default:
                    for (u32 count = random.below(8); count != 0; --count)
                        m.doorbell(random.below(64), random.below(64));
                    break;
            }
            m.run_until(m.now() + random.below(2'000'000));
            const u32 cpu = random.below(Machine::cpus);
            m.cpu(cpu).end(m.cpu(cpu).acknowledge());
        }
        m.run();
        EXPECT_EQ(m.simulation.waiting(), "") << seed;
    }
}

/// After each message its LPI is pending, or was acknowledged later than the message arrived; acknowledges never exceed
/// messages.
TEST(ItsRandom, AffinityChangesUnderLoadLoseAndDuplicateNothing) {
    constexpr u32 events = 8;
    constexpr u32 changes = 100'000;
    Random random(7);
    Machine m;
    m.start();
    m.map(1, events, 0);
    m.execute({mapc(1, 1), mapc(2, 2), mapc(3, 3), sync(1), sync(2), sync(3)});
    struct Event {
        u32 home = 0;  ///< collection = CPU
        u64 messages = 0;
        u64 acknowledged = 0;
        Time last_message = 0;
        Time last_acknowledge = 0;
    };
    std::array<Event, events> all{};
    const auto handle = [&](u32 cpu) {
        const u32 intid = m.cpu(cpu).acknowledge();
        if (intid == 1023) return false;
        m.cpu(cpu).end(intid);
        Event& event = all.at(intid - Machine::lpi(1, 0));
        ++event.acknowledged;
        event.last_acknowledge = m.now();
        return true;
    };
    u32 moves = 0;
    for (u32 step = 0; moves < changes; ++step) {
        const u32 number = random.below(events);
        Event& event = all[number];
        switch (random.below(5)) {
            case 0:
            case 1: {
                const u32 from = event.home;
                event.home = random.below(Machine::cpus);
                m.submit({about(Code::MOVI, 1, number, event.home), sync(from)});
                ++moves;
                break;
            }
            case 2: handle(random.below(Machine::cpus)); break;
            default:
                m.doorbell(1, number);
                ++event.messages;
                event.last_message = m.now();
                break;
        }
        m.run_until(m.now() + random.below(300'000));
        // The queue must not be overrun: 2048 places, two commands a step.
        if (step % 500 != 499) continue;
        m.run();
        m.memory.log.clear();
        m.writer.forget();
        for (u32 other = 0; other < events; ++other) {
            const Event& checked = all[other];
            u32 places = 0;
            for (u32 cpu = 0; cpu < Machine::cpus; ++cpu)
                places += m.gic.redistributor(cpu).lpis().contains(Machine::lpi(1, other)) ? 1 : 0;
            const bool home = m.gic.redistributor(checked.home).lpis().contains(Machine::lpi(1, other));
            ASSERT_EQ(places, home ? 1u : 0u) << "misrouted or duplicated, step " << step;
            ASSERT_TRUE(home || checked.last_acknowledge > checked.last_message || checked.messages == 0)
                << "lost, step " << step;
            ASSERT_LE(checked.acknowledged + places, checked.messages) << "duplicated, step " << step;
        }
    }
    m.run();
    EXPECT_EQ(m.error(), 0u);
    for (u32 cpu = 0; cpu < Machine::cpus; ++cpu)
        while (handle(cpu)) m.run();
    u64 sent = 0;
    u64 taken = 0;
    for (const Event& event : all) {
        EXPECT_GT(event.acknowledged, 0u);
        sent += event.messages;
        taken += event.acknowledged;
    }
    const Counters counters(m.gic);
    EXPECT_EQ(counters["its0.translations"], sent);
    EXPECT_EQ(counters["gicr.messages"] - counters["gicr.moved"], sent);
    EXPECT_EQ(taken + counters["gicr.coalesced"], counters["gicr.messages"] - counters["gicr.moved"])
        << "every message was acknowledged or found its interrupt pending";
}

}  // namespace
}  // namespace smmusim::gic::test
