// Promises of a machine with several ITSs.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

constexpr u64 valid = u64{1} << 63;

class SeveralItss : public testing::Test {
protected:
    static constexpr std::array<u64, 2> base{Machine::gits, 0x0B10'0000};
    static constexpr u64 tables = 0x4800'0000;
    static u64 place(u32 its, u64 offset) { return tables + its * 0x10'0000 + offset; }

    SeveralItss() {
        m.start_cpus();
        m.enable_lpis();
        for (const u32 its : {0u, 1u}) {
            set(its, 0x0100, place(its, 0) | valid);
            set(its, 0x0108, place(its, 0x1'0000) | valid);
            set(its, 0x0080, place(its, 0x2'0000) | valid);
            m.write(m.gic.its(its), base[its], 1, 4);
        }
        for (u32 intid = 8192; intid < 8200; ++intid) m.configure_lpi(intid, 0xA1);
    }
    void set(u32 its, u32 where, u64 value) { m.write(m.gic.its(its), base[its] + where, value, 8); }
    u64 get(u32 its, u32 where) { return m.read(m.gic.its(its), base[its] + where, 8); }
    void submit(u32 its, const std::vector<ItsCommand>& commands) {
        for (const ItsCommand& entry : commands) {
            m.memory.write(place(its, 0x2'0000) + offset[its], entry.words.data(), 32);
            offset[its] += 32;
        }
        set(its, 0x0088, offset[its]);
    }
    void doorbell(u32 its, u32 device, u32 event) {
        m.writer.write(m.gic.its(its), base[its] + spec::translater, 4, event, device);
    }
    Machine m{{}, {}, 2};
    std::array<u64, 2> offset{};
};

TEST_F(SeveralItss, EachHasItsOwnTablesAndQueue) {
    // The same device and event mean different interrupts.
    for (const u32 its : {0u, 1u})
        submit(its, {mapc(0, its), mapd(1, place(its, 0x3'0000), 3), mapti(1, 0, 8192 + its, 0), sync(its)});
    m.run();
    doorbell(0, 1, 0);
    doorbell(1, 1, 0);
    m.run();
    EXPECT_EQ(m.cpu(0).pending(), std::vector<u32>{8192});
    EXPECT_EQ(m.cpu(1).pending(), std::vector<u32>{8193});
    submit(1, {mapd(1, 0, 0, false)});
    m.run();
    doorbell(1, 1, 0);
    doorbell(0, 1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(1).drops().unmapped_device, 1u);
    EXPECT_EQ(m.gic.its(0).drops().unmapped_device, 0u);
}

TEST_F(SeveralItss, SyncOfOneDoesNotWaitForTheOther) {
    for (const u32 its : {0u, 1u})
        submit(its, {mapc(0, 0), mapd(1, place(its, 0x3'0000), 3), mapti(1, 0, 8192 + its, 0), sync(0)});
    m.run();
    m.memory.hold(place(0, 0), 0x1'0000);
    doorbell(0, 1, 0);
    submit(0, {sync(0)});
    submit(1, {sync(0)});
    m.run();
    EXPECT_EQ(get(1, 0x0090), offset[1]);
    EXPECT_NE(get(0, 0x0090), offset[0]);
    m.memory.release();
    m.run();
    EXPECT_EQ(get(0, 0x0090), offset[0]);
}

}  // namespace
}  // namespace smmusim::gic::test
