// Promises about a million LPIs: what they cost in time and in memory.
#include <malloc.h>

#include <chrono>

#include "gic/machine.hpp"
#include "gic/random.hpp"

namespace smmusim::gic::test {
namespace {

using Code = ItsCommand::Code;
using Clock = std::chrono::steady_clock;

constexpr u32 million = 1'000'000;
constexpr u64 itt = 0x5000'0000;

/// One device whose events 0 to count - 1 are LPIs 8192 on.
struct Mapped {
    explicit Mapped(u32 count) : m(gic(), its()), lpis(count) {
        m.start_cpus();
        for (u32 cpu = 0; cpu < Machine::cpus; ++cpu) {
            m.set_r(cpu, 0x0070, property_table | 20, 8);
            m.set_r(cpu, 0x0078, (Machine::pending_tables + cpu * 0x10'0000) | Machine::skip_scan, 8);
            m.set_r(cpu, 0x0000, 1);
        }
        m.start_its();
        m.execute({mapc(0, 0), mapd(1, itt, 19)});
        std::vector<u8> properties(count, 0xA1);
        m.memory.write(property_table, properties.data(), count);
        // The tables of the guest are there before anything is counted.
        for (u64 at = 0; at < u64{count} * 8; at += 4096) m.memory.put<u64>(itt + at, 0);
        m.memory.log.reserve(4096);
        const u64 before = mallinfo2().uordblks;
        std::vector<ItsCommand> commands;
        for (u32 event = 0; event < count; ++event) {
            commands.push_back(mapti(1, event, 8192 + event, 0));
            if (commands.size() < 1000 && event + 1 != count) continue;
            m.execute(commands);
            commands.clear();
            m.memory.log.clear();
        }
        EXPECT_EQ(m.error(), 0u);
        bytes = mallinfo2().uordblks - before;
    }
    void message(u32 event) {
        m.doorbell(1, event);
        m.run();
        const u32 intid = m.cpu().acknowledge();
        EXPECT_EQ(intid, 8192 + event);
        m.cpu().end(intid);
    }
    /// Host time of messages to events at random.
    double time() {
        const auto start = Clock::now();
        for (u32 count = 0; count < 2000; ++count) message(random.below(lpis));
        const std::chrono::duration<double> spent = Clock::now() - start;
        m.memory.log.clear();
        m.writer.forget();
        return spent.count();
    }
    static GicConfig gic() {
        GicConfig config;
        config.id_bits = 21;
        return config;
    }
    static ItsConfig its() {
        ItsConfig config;
        config.event_bits = 20;
        return config;
    }
    static constexpr u64 property_table = 0x7000'0000;

    Machine m;
    u32 lpis;
    Random random{1};
    u64 bytes = 0;
};

TEST(MillionLpis, CostAMessageAtMostThreeTimesThatOfAThousand) {
    Mapped few(1000), many(million);
    double best_few = 1e9, best_many = 1e9;
    for (u32 slice = 0; slice < 9; ++slice) {
        best_few = std::min(best_few, few.time());
        best_many = std::min(best_many, many.time());
    }
    EXPECT_LT(best_many, 3 * best_few);
    EXPECT_LT(many.bytes, u64{32} * million) << "beyond the tables of the guest";
    EXPECT_LT(many.bytes, u64{1} * million) << "nothing is kept per LPI that is idle";
    for (const u32 event : {0u, 1u, million / 2, million - 1}) many.message(event);
}

TEST(MillionLpis, AllPendingAtOnceAreHandledOnce) {
    constexpr u32 count = 100'000;
    Mapped mapped(count);
    Machine& m = mapped.m;
    for (u32 event = 0; event < count; ++event) {
        m.doorbell(1, event);
        if (event % 1000 == 999) m.run();
        m.memory.log.clear();
        m.writer.forget();
    }
    m.execute({invall(0), sync(0), movall(0, 1), sync(0)});
    m.memory.log.clear();
    for (u32 event = 0; event < count; ++event) {
        ASSERT_EQ(m.cpu(1).acknowledge(), 8192 + event);
        m.cpu(1).end(8192 + event);
        if (event % 1000 == 999) m.run();
    }
    EXPECT_EQ(m.cpu(1).acknowledge(), 1023u);
    EXPECT_EQ(m.cpu(0).acknowledge(), 1023u);
}

}  // namespace
}  // namespace smmusim::gic::test
