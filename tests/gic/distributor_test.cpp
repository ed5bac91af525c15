// Promises of the distributor: SPIs by wire, by message, and through the GICv2m frame.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

constexpr u32 spi = 144;

/// Enables an SPI, routed to `cpu`.
void enable(Machine& m, u32 intid, u32 cpu = 0, bool edge = false) {
    m.set_d(0x0100 + intid / 32 * 4, 1u << intid % 32);
    m.set_d(0x6000 + 8 * intid, cpu, 8);
    if (edge) m.set_d(0x0C00 + intid / 16 * 4, m.d(0x0C00 + intid / 16 * 4) | 2u << 2 * (intid % 16));
}

TEST(Distributor, OffersOneSecurityStateAndAffinityRoutingOnly) {
    Machine m;
    EXPECT_EQ(m.d(0x0000), 0x50u);
    m.set_d(0x0000, 0);
    EXPECT_EQ(m.d(0x0000), 0x50u) << "ARE and DS are RAO/WI";
    EXPECT_EQ(m.d(0x0004), 8u | 1u << 16 | 1u << 17 | 15u << 19 | 1u << 25);
}

TEST(Distributor, IdBitsFollowTheParameter) {
    GicConfig config;
    config.id_bits = 20;
    Machine m(config);
    EXPECT_EQ(m.d(0x0004) >> 19 & 31, 19u);
    EXPECT_EQ(m.icc("ICC_CTLR_EL1") >> 11 & 7, 1u);
}

TEST(Distributor, SpisComeInWordsOf32) {
    GicConfig config;
    config.spis = 33;
    Machine m(config);
    EXPECT_EQ(m.d(0x0004) & 31, 2u);
    m.start_cpus();
    enable(m, 95, 0, true);
    m.gic.input(95).pulse();
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), 95u);
    config.spis = 992;
    Machine large(config);
    EXPECT_EQ(large.d(0x0004) & 31, 31u);
    large.set_d(0x0100 + 31 * 4, 0xFFFF'FFFF);
    EXPECT_EQ(large.d(0x0100 + 31 * 4), 0x0FFF'FFFFu) << "1020 to 1023 are no SPIs";
}

TEST(Distributor, PrivateRegistersAreElsewhere) {
    Machine m;
    m.set_d(0x0100, 0xFFFF'FFFF);
    EXPECT_EQ(m.d(0x0100), 0u);
}

TEST(Distributor, PrioritiesHaveByteAccessAndFiveBits) {
    Machine m;
    m.set_d(0x0400 + spi, 0x1020'3047);
    m.write(m.gic.distributor(), Machine::gicd + 0x0401 + spi, 0xFF, 1);
    EXPECT_EQ(m.d(0x0400 + spi), 0x1020'F840u);
    EXPECT_EQ(m.read(m.gic.distributor(), Machine::gicd + 0x0403 + spi, 1), 0x10u);
}

TEST(Distributor, RegistersOfAbsentSpisAreRazWi) {
    Machine m;
    m.set_d(0x0100 + 9 * 4, 0xFFFF'FFFF);
    EXPECT_EQ(m.d(0x0100 + 9 * 4), 0u);
    m.set_d(0x0100 + 8 * 4, 0xFFFF'FFFF);
    EXPECT_EQ(m.d(0x0100 + 8 * 4), 0xFFFF'FFFFu);
}

TEST(WiredSpi, EdgeIsRemembered) {
    Machine m;
    m.start_cpus();
    enable(m, 106, 2, true);
    m.gic.input(106).pulse();
    m.run();
    EXPECT_TRUE(m.cores[2]->line);
    EXPECT_EQ(m.cpu(2).acknowledge(), 106u);
    m.gic.input(106).pulse();
    m.cpu(2).end(106);
    m.run();
    EXPECT_EQ(m.cpu(2).acknowledge(), 106u) << "an edge while active is a new interrupt";
}

TEST(WiredSpi, PulseOnALevelHasNoLastingEffect) {
    Machine m;
    m.start_cpus();
    enable(m, 106);
    m.gic.input(106).pulse();
    m.run();
    EXPECT_TRUE(m.cpu().pending().empty());
    EXPECT_FALSE(m.cores[0]->line);
}

TEST(WiredSpi, LevelIsFollowed) {
    Machine m;
    m.start_cpus();
    enable(m, 106);
    m.gic.input(106).drive(true);
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
    m.gic.input(106).drive(false);
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_EQ(m.cpu().acknowledge(), 1023u);
}

TEST(WiredSpi, LevelDriveOfAnEdgeInterruptCountsItsRise) {
    Machine m;
    m.start_cpus();
    enable(m, 106, 0, true);
    m.gic.input(106).drive(true);
    m.gic.input(106).drive(false);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), 106u);
}

TEST(WiredSpi, DisablingRetractsAndEnablingSignals) {
    Machine m;
    m.start_cpus();
    enable(m, 106, 0, true);
    m.gic.input(106).pulse();
    m.run();
    ASSERT_TRUE(m.cores[0]->line);
    m.set_d(0x0180 + 106 / 32 * 4, 1u << 106 % 32);
    EXPECT_FALSE(m.cores[0]->line);
    m.set_d(0x0100 + 106 / 32 * 4, 1u << 106 % 32);
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
}

TEST(WiredSpi, ReroutingMovesAPendingOne) {
    Machine m;
    m.start_cpus();
    enable(m, 106, 0, true);
    m.gic.input(106).pulse();
    m.run();
    m.set_d(0x6000 + 8 * 106, 3, 8);
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_TRUE(m.cores[3]->line);
}

TEST(WiredSpi, RouteHasNoAff3AndNoMode) {
    Machine m;
    m.start_cpus();
    m.set_d(0x6000 + 8 * 106, 0xFF'8000'0003, 8);
    EXPECT_EQ(m.read(m.gic.distributor(), Machine::gicd + 0x6000 + 8 * 106, 8), 3u) << "GICD_TYPER.A3V and No1N";
    enable(m, 106, 0, true);
    m.set_d(0x6000 + 8 * 106, 0xFF'0000'0003, 8);
    m.gic.input(106).pulse();
    m.run();
    EXPECT_TRUE(m.cores[3]->line);
}

TEST(WiredSpi, PendingAndActiveAreSoftwares) {
    Machine m;
    m.start_cpus();
    enable(m, 106, 0, true);
    m.set_d(0x0200 + 12, 1u << 10);
    m.run();
    EXPECT_EQ(m.d(0x0200 + 12), 1u << 10);
    m.set_d(0x0280 + 12, 1u << 10);
    EXPECT_TRUE(m.cpu().pending().empty());
    m.set_d(0x0200 + 12, 1u << 10);
    EXPECT_EQ(m.cpu().acknowledge(), 106u);
    EXPECT_EQ(m.d(0x0300 + 12), 1u << 10);
    m.set_d(0x0380 + 12, 1u << 10);
    EXPECT_EQ(m.d(0x0300 + 12), 0u);
}

TEST(MessageSpi, EdgeIsSetUntilAcknowledged) {
    Machine m;
    m.start_cpus();
    enable(m, spi, 1, true);
    m.set_d(0x0040, spi);
    m.run();
    EXPECT_EQ(m.cpu(1).acknowledge(), spi);
    m.cpu(1).end(spi);
    m.run();
    EXPECT_EQ(m.cpu(1).acknowledge(), 1023u);
}

TEST(MessageSpi, LevelIsSetUntilTheClearingMessage) {
    Machine m;
    m.start_cpus();
    enable(m, spi);
    m.set_d(0x0040, spi);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), spi);
    m.cpu().end(spi);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), spi);
    m.set_d(0x0048, spi);
    m.cpu().end(spi);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), 1023u);
}

TEST(MessageSpi, TakesSixteenBits) {
    Machine m;
    m.start_cpus();
    enable(m, spi, 0, true);
    m.write(m.gic.distributor(), Machine::gicd + 0x40, spi, 2);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), spi);
}

TEST(MessageSpi, JourneySaysWhatBecameOfIt) {
    Machine m;
    m.start_cpus();
    enable(m, spi, 0, true);
    const auto send = [&](u32 intid) {
        const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
        m.writer.write(m.gic.distributor(), Machine::gicd + 0x40, 4, intid, 7, journey);
        return journey;
    };
    EXPECT_EQ(send(spi)->outcome(), sim::Journey::Outcome::Delivered);
    EXPECT_EQ(send(spi)->outcome(), sim::Journey::Outcome::Coalesced);
    EXPECT_EQ(send(20)->outcome(), sim::Journey::Outcome::Blocked);
    EXPECT_EQ(send(500)->outcome(), sim::Journey::Outcome::Blocked);
    m.run();
    EXPECT_EQ(m.observer.ends.size(), 1u);
}

TEST(MessageSpi, MessageToAnotherRegisterIsBlocked) {
    Machine m;
    m.start_cpus();
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.writer.write(m.gic.distributor(), Machine::gicd + 0x44, 4, spi, 7, journey);
    EXPECT_EQ(journey->outcome(), sim::Journey::Outcome::Blocked);
    EXPECT_EQ(m.writer.status, sim::Status::Discarded);
}

TEST(MessageSpi, SecureFormsHaveNoEffect) {
    Machine m;
    m.set_d(0x0050, 40);
    EXPECT_EQ(m.d(0x0204) >> 8 & 1, 0u);
    m.set_d(0x0040, 40);
    m.set_d(0x0058, 40);
    EXPECT_EQ(m.d(0x0204) >> 8 & 1, 1u);
    EXPECT_EQ(m.d(0x0050), 0u);
}

TEST(V2m, TypeNamesItsSpis) {
    Machine m;
    EXPECT_EQ(m.read(*m.gic.v2m(), Machine::frame + 8), 144u << 16 | 64u);
}

TEST(V2m, WriteRaisesTheNamedSpi) {
    Machine m;
    m.start_cpus();
    enable(m, spi + 3, 2, true);
    m.writer.write(*m.gic.v2m(), Machine::frame + 0x40, 4, spi + 3, 9);
    m.run();
    EXPECT_EQ(m.cpu(2).acknowledge(), spi + 3);
}

TEST(V2m, AnyRequesterRaisesAnySpiOfTheFrameButNoOther) {
    Machine m;
    m.start_cpus();
    for (const u32 intid : {143u, 144u, 207u, 208u}) {
        enable(m, intid, 0, true);
        m.writer.write(*m.gic.v2m(), Machine::frame + 0x40, 4, intid, intid);
    }
    m.run();
    EXPECT_EQ(m.cpu().pending(), (std::vector<u32>{144, 207}));
}

TEST(V2m, LevelConfiguredSpiIsNotRemembered) {
    Machine m;
    m.start_cpus();
    enable(m, spi);
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.writer.write(*m.gic.v2m(), Machine::frame + 0x40, 4, spi, 9, journey);
    m.run();
    EXPECT_TRUE(m.cpu().pending().empty());
    EXPECT_EQ(journey->outcome(), sim::Journey::Outcome::Blocked);
}

TEST(V2m, MayBeAbsent) {
    GicConfig config;
    config.v2m.present = false;
    Machine m(config);
    EXPECT_EQ(m.gic.v2m(), nullptr);
}

TEST(Frame, InspectionHasNoEffect) {
    Machine m;
    m.start_cpus();
    enable(m, spi, 0, true);
    const sim::AccessPtr write = m.simulation.accesses().make(sim::Command::Write, Machine::gicd + 0x40, 4);
    write->set_value(spi);
    m.gic.distributor().inspect(*write);
    m.run();
    EXPECT_TRUE(m.cpu().pending().empty());
    const sim::AccessPtr read = m.simulation.accesses().make(sim::Command::Read, Machine::gicd, 4);
    m.gic.distributor().inspect(*read);
    EXPECT_EQ(read->value(), 0x53u);
}

}  // namespace
}  // namespace smmusim::gic::test
