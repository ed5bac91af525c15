// Promise of GICv4 about mistakes of software: whatever bytes it writes into virtual commands, tables and registers,
// nothing crashes, hangs or polls.
#include "gic/guest_machine.hpp"
#include "gic/random.hpp"

namespace smmusim::gic::test {
namespace {

/// A word of anything, or one in which a table entry or command can be recognised: valid, an address, small numbers.
u64 any_word(Random& random) {
    const u64 word = random.next();
    switch (random.below(3)) {
        case 0: return word;
        case 1: return (word & 0x8000'001F'0000'3F0F) | 0x4720'0000;
        default: return word & 0x8000'0007'0000'0007;
    }
}

ItsCommand any_command(Random& random) {
    static constexpr std::array<u8, 12> codes{0x21, 0x22, 0x23, 0x25, 0x29, 0x2A, 0x2B, 0x2D, 0x2E, 0x03, 0x04, 0x0F};
    ItsCommand result;
    for (u64& word : result.words) word = any_word(random);
    if (random.below(4) == 0) return result;
    result.words[0] = (result.words[0] & ~u64{0xFF}) | codes[random.below(codes.size())];
    result.set(ItsCommand::DeviceID, random.below(3));
    if (random.below(4) != 0) result.set(ItsCommand::vPEID, random.below(5));
    return result;
}

class GuestBytes : public testing::TestWithParam<spec::Version> {};
INSTANTIATE_TEST_SUITE_P(Versions, GuestBytes, testing::Values(spec::Version::V4_0, spec::Version::V4_1),
                         [](const auto& run) { return run.param == spec::Version::V4_0 ? "V4_0" : "V4_1"; });

TEST_P(GuestBytes, RandomCommandsTablesAndRegistersEndInIdleness) {
    u64 schedules = 0, messages = 0, virtual_messages = 0;
    for (u64 seed = 1; seed <= 30; ++seed) {
        Random random(seed);
        GuestMachine m(GetParam());
        const std::array<std::pair<u64, u32>, 6> tables{{{m.vpe_table, 0x400},
                                                         {m.itt(m.device), 0x100},
                                                         {m.virtual_properties, 0x100},
                                                         {m.pending_table(0), 0x600},
                                                         {m.pending_table(1), 0x600},
                                                         {Machine::device_table, 0x40}}};
        for (u32 round = 0; round < 400; ++round) {
            const u32 cpu = random.below(Machine::cpus);
            switch (random.below(10)) {
                case 0:
                case 1: {
                    std::vector<ItsCommand> commands;
                    for (u32 count = random.below(6); count != 0; --count) commands.push_back(any_command(random));
                    m.submit(commands);
                    break;
                }
                case 2: {
                    const auto [base, bytes] = tables[random.below(tables.size())];
                    for (u32 at = 0; at < bytes; at += 8)
                        if (random.below(4) == 0) m.memory.put<u64>(base + at, any_word(random));
                    break;
                }
                case 3: m.set_r(cpu, 0x2'0070, any_word(random), 8); break;
                case 4: m.set_r(cpu, 0x2'0078, any_word(random), 8); break;
                case 5: {
                    const u64 table =
                        GetParam() == spec::Version::V4_1 ? m.vpe_table | m.valid | 3 : m.virtual_properties | 15;
                    m.set_r(cpu, 0x2'0070, table, 8);
                    m.set_r(cpu, 0x2'0078, m.valid | u64{3} << 58 | random.below(4) | m.pending_table(random.below(2)),
                            8);
                    break;
                }
                case 6:  // now and then something works again
                    m.submit({m.mapped(0, cpu), m.mapped(1, 1), mapd(m.device, m.itt(m.device), 4),
                              vmapti(m.device, 0, 0, 8200, m.doorbell0), vmapti(m.device, 1, 1, 8201)});
                    break;
                case 7:
                    m.set_r(cpu, 0x2'0080, static_cast<u32>(random.next()));
                    m.write(m.gic.its(0), Machine::gits + spec::gits_sgir, any_word(random), 8);
                    break;
                default:
                    for (u32 count = random.below(8); count != 0; --count, ++messages)
                        m.doorbell(m.device, random.below(random.below(4) == 0 ? 40 : 2));
                    break;
            }
            m.run_until(m.now() + random.below(1'000'000));
            m.icc("ICV_EOIR1_EL1", m.take(cpu), cpu);
            m.cpu(cpu).end(m.cpu(cpu).acknowledge());
        }
        m.run();
        EXPECT_EQ(m.simulation.waiting(), "") << seed;
        EXPECT_EQ(m.creadr(), m.write_offset) << seed;
        const Counters counters(m.gic);
        schedules += counters["gicr.virtual.schedules"];
        virtual_messages += counters["gicr.virtual.messages"];
    }
    EXPECT_GT(schedules, 250u);
    EXPECT_GT(virtual_messages, 100u) << "of " << messages;
}

}  // namespace
}  // namespace smmusim::gic::test
