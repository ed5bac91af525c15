// Promises of GICv4: messages of an assigned device reach a running guest without software, and wake one that is not
// running by its doorbell.
#include "gic/guest_machine.hpp"

namespace smmusim::gic::test {
namespace {

using Code = ItsCommand::Code;
using spec::Version;

class VirtualLpi : public testing::TestWithParam<Version> {
protected:
    bool v4_1() const { return GetParam() == Version::V4_1; }
    u64 doorbells() { return Counters(m.gic)["gicr.virtual.doorbells"]; }
    GuestMachine m{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Versions, VirtualLpi, testing::Values(Version::V4_0, Version::V4_1), [](const auto& version) {
    return std::string(version.param == Version::V4_0 ? "V4_0" : "V4_1");
});

TEST_P(VirtualLpi, IdentificationRegistersSaySo) {
    EXPECT_EQ(m.d(0xFFE8) >> 4 & 0xF, 4u);
    EXPECT_EQ(m.r(0, 0xFFE8) >> 4 & 0xF, 4u);
    EXPECT_EQ(m.s(0xFFE8, 4) >> 4 & 0xF, 4u);
    EXPECT_EQ(m.d(0x0004) >> 18 & 1, 1u) << "GICD_TYPER.DVIS";
    EXPECT_EQ(m.r(0, 0x0008, 8) >> 1 & 1, 1u) << "GICR_TYPER.VLPIS";
    EXPECT_EQ(m.r(0, 0x0008, 8) >> 7 & 1, v4_1() ? 1u : 0u) << "RVPEID";
    EXPECT_EQ(m.s(0x0008) >> 1 & 1, 1u) << "GITS_TYPER.Virtual";
    EXPECT_EQ(m.s(0x0008) >> 40 & 1, v4_1() ? 1u : 0u) << "VMAPP";
    EXPECT_EQ(m.s(0x0110) >> 56 & 7, 2u) << "a table of vPEs";
    EXPECT_EQ(m.icc("ICH_VTR_EL2") >> 20 & 1, 0u) << "nV4";
}

TEST_P(VirtualLpi, MessageReachesTheRunningGuestWithoutTheHost) {
    m.enter(0, 0);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_TRUE(m.cores[0]->virtual_line);
    EXPECT_FALSE(m.cores[0]->line) << "the host sees nothing";
    EXPECT_EQ(m.take(0), 8200u);
    EXPECT_FALSE(m.cores[0]->virtual_line);
    EXPECT_EQ(m.take(0), 1023u);
    m.icc("ICV_EOIR1_EL1", 8200, 0);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.take(0), 8200u) << "a new message is a new interrupt";
    EXPECT_EQ(doorbells(), 0u);
}

TEST_P(VirtualLpi, JourneyEndsWhereTheGuestIsTold) {
    m.enter(0, 0);
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.doorbell(m.device, 0, journey);
    m.run();
    EXPECT_EQ(m.observer.outcomes, std::vector<sim::Journey::Outcome>{sim::Journey::Outcome::Delivered});
    EXPECT_EQ(m.observer.ends.size(), 1u);
}

TEST_P(VirtualLpi, MessageForAnAbsentGuestIsKeptInItsTableAndRingsItsDoorbell) {
    m.enter(0, 0);
    EXPECT_EQ(m.leave(0) & m.pending_last, 0u);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_TRUE(m.in_memory(0, 8200));
    EXPECT_FALSE(m.cores[0]->virtual_line);
    EXPECT_EQ(m.cpu(0).acknowledge(), m.doorbell0) << "a physical LPI where the vPE was mapped";
    EXPECT_EQ(doorbells(), 1u);
    m.cpu(0).end(m.doorbell0);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(doorbells(), 1u) << "it is pending already";
    m.enter(0, 0);
    EXPECT_EQ(m.take(0), 8200u);
    m.leave(0);
    EXPECT_FALSE(m.in_memory(0, 8200)) << "the guest took it";
}

TEST_P(VirtualLpi, OneGuestRunsTheOtherIsWoken) {
    m.enter(1, 1);
    m.leave(1);
    m.enter(0, 0);
    m.doorbell(m.device, 1);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.take(0), 8200u);
    EXPECT_EQ(m.take(0), 1023u) << "nothing of the other guest";
    EXPECT_EQ(m.cpu(1).acknowledge(), m.doorbell0 + 1);
    EXPECT_TRUE(m.in_memory(1, 8201));
}

TEST_P(VirtualLpi, WhatIsPendingWhenTheGuestLeavesIsWrittenBackAndToldAsPendingLast) {
    m.enter(0, 0);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.leave(0) & m.pending_last, m.pending_last);
    EXPECT_TRUE(m.in_memory(0, 8200));
    EXPECT_FALSE(m.cores[0]->virtual_line);
    m.enter(2, 0);  // on another CPU, as after VMOVP
    EXPECT_EQ(m.take(2), 8200u);
}

TEST_P(VirtualLpi, DirtyTellsThatTheStateIsUnderWay) {
    m.enter(0, 0);
    m.doorbell(m.device, 0);
    m.run();
    m.memory.hold(m.pending_table(0), 0x1'0000);
    m.set_r(0, 0x2'0078, 0, 8);
    m.run();
    EXPECT_EQ(m.r(0, 0x2'0078, 8) & (m.dirty | m.valid), m.dirty);
    m.set_r(0, 0x2'0078, m.valid, 8);
    EXPECT_EQ(m.r(0, 0x2'0078, 8) & m.valid, 0u) << "ignored until it is done";
    m.doorbell(m.device, 0);  // waits for the write-back
    m.run();
    m.memory.release();
    m.run();
    EXPECT_EQ(m.r(0, 0x2'0078, 8) & m.dirty, 0u);
    EXPECT_TRUE(m.in_memory(0, 8200));
}

TEST_P(VirtualLpi, DisabledOneWaitsForVinvallOrInv) {
    for (const bool all : {false, true}) {
        GuestMachine guest(GetParam());
        guest.memory.put<u8>(guest.virtual_properties + 8, 0xA0);
        guest.enter(0, 0);
        guest.doorbell(guest.device, 0);
        guest.run();
        EXPECT_EQ(guest.take(0), 1023u);
        guest.memory.put<u8>(guest.virtual_properties + 8, 0xA1);
        guest.execute({all ? about_vpe(Code::VINVALL, 0) : about(Code::INV, guest.device, 0), vsync(0)});
        EXPECT_EQ(guest.take(0), 8200u);
    }
}

TEST_P(VirtualLpi, IntClearAndDiscardWorkOnVirtualEvents) {
    for (const bool running : {true, false}) {
        GuestMachine guest(GetParam());
        if (running) guest.enter(0, 0);
        guest.execute({about(Code::INT, guest.device, 0), vsync(0)});
        EXPECT_EQ(running ? guest.gic.redistributor(0).vpe().lpis().contains(8200) : guest.in_memory(0, 8200), true);
        guest.execute({about(Code::CLEAR, guest.device, 0), vsync(0)});
        if (!running) guest.enter(0, 0);
        EXPECT_EQ(guest.take(0), 1023u);
        guest.execute({about(Code::INT, guest.device, 0), about(Code::DISCARD, guest.device, 0), vsync(0)});
        EXPECT_EQ(guest.take(0), 1023u);
        guest.doorbell(guest.device, 0);
        guest.run();
        EXPECT_EQ(guest.gic.its(0).drops().unmapped_event, 1u);
        EXPECT_EQ(guest.error(), 0u);
    }
}

TEST_P(VirtualLpi, VmapiUsesTheEventIdAsVintid) {
    ItsCommand vmapi = about(Code::VMAPI, 2, 8202);
    vmapi.set(ItsCommand::vPEID, 0);
    vmapi.set(ItsCommand::Db_pINTID, 1023);
    m.execute({mapd(2, 0x4760'0000, 13), vmapi, vsync(0)});
    EXPECT_EQ(m.error(), 0u);
    m.enter(0, 0);
    m.doorbell(2, 8202);
    m.run();
    EXPECT_EQ(m.take(0), 8202u);
}

TEST_P(VirtualLpi, VmoviTakesThePendingStateToTheOtherVpe) {
    for (const bool running : {true, false}) {
        GuestMachine guest(GetParam());
        if (running) guest.enter(0, 0);
        guest.doorbell(guest.device, 0);
        guest.run();
        guest.execute({vmovi(guest.device, 0, 1), vsync(0), vsync(1)});
        EXPECT_EQ(guest.error(), 0u);
        EXPECT_EQ(guest.take(0), 1023u);
        EXPECT_TRUE(guest.in_memory(1, 8200));
        guest.enter(1, 1);
        EXPECT_EQ(guest.take(1), 8200u);
        guest.icc("ICV_EOIR1_EL1", 8200, 1);
        guest.doorbell(guest.device, 0);
        guest.run();
        EXPECT_EQ(guest.take(1), 8200u);
    }
}

TEST_P(VirtualLpi, VmovpSendsMessagesAndDoorbellsToTheNewRedistributor) {
    m.enter(0, 0);
    m.leave(0);
    m.execute({vmovp(0, 3), vsync(0)});
    EXPECT_EQ(m.error(), 0u);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.cpu(3).acknowledge(), m.doorbell0);
    m.enter(3, 0);
    EXPECT_EQ(m.take(3), 8200u);
    m.icc("ICV_EOIR1_EL1", 8200, 3);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.take(3), 8200u) << "directly";
}

TEST_P(VirtualLpi, UnmappedVpeDropsMessages) {
    m.execute({vmapp(0, 0, 0, false)});
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().unmapped_vpe, 1u);
}

TEST_P(VirtualLpi, VintidBeyondTheTableOfTheVpeIsDropped) {
    ItsCommand small = m.mapped(0, 0);
    small.set(ItsCommand::VPT_size, 13);
    m.execute({vmapp(0, 0, 0, false), small, vmapti(m.device, 2, 0, 0x5000), vsync(0)});
    EXPECT_EQ(m.error(), 0u);
    m.doorbell(m.device, 2);
    m.run();
    EXPECT_EQ(Counters(m.gic)["gicr.virtual.dropped"], 1u);
}

TEST_P(VirtualLpi, ErrorsOfCommandsHaveTheirCodes) {
    const auto code = [&](const ItsCommand& wrong) {
        m.execute({wrong});
        return m.error();
    };
    m.execute({mapc(0, 0), mapti(m.device, 5, 8205, 0)});
    EXPECT_EQ(code(vmapp(4096, 0, m.pending_table(2))), 0x012911u) << "the table has 4 pages of 128 or 512";
    EXPECT_EQ(code(vmapp(2, 4, m.pending_table(2))), 0x012902u);
    EXPECT_EQ(code(vmapti(m.device, 0, 4096, 8200)), 0x012A11u);
    EXPECT_EQ(code(vmapti(m.device, 32, 0, 8200)), 0x012A05u);
    EXPECT_EQ(code(vmapti(m.device, 0, 0, 8191)), 0x012A13u);
    EXPECT_EQ(code(vmapti(7, 0, 0, 8200)), 0x012A04u);
    EXPECT_EQ(code(vmapti(0x1'0000, 0, 0, 8200)), 0x012A01u);
    EXPECT_EQ(code(vsync(4096)), 0x012511u);
    EXPECT_EQ(code(vsync(5)), 0x012514u);
    EXPECT_EQ(code(about_vpe(Code::VINVALL, 5)), 0x012D14u);
    EXPECT_EQ(code(vmovp(5, 0)), 0x012214u);
    EXPECT_EQ(code(vmovp(0, 9)), 0x012202u);
    EXPECT_EQ(code(vmovi(m.device, 32, 0)), 0x012105u);
    EXPECT_EQ(code(vmovi(m.device, 9, 0)), 0x012107u);
    EXPECT_EQ(code(vmovi(m.device, 5, 0)), 0x012115u) << "ID_IS_PHYSICAL";
    EXPECT_EQ(code(vmovi(m.device, 0, 5)), 0x012117u);
    m.execute({vmapti(m.device, 6, 5, 8206)});
    EXPECT_EQ(code(vmovi(m.device, 6, 0)), 0x012116u);
    EXPECT_EQ(code(about(Code::MOVI, m.device, 0, 0)), 0x010110u) << "VMOVI is for virtual ones";
    EXPECT_EQ(code(about(Code::INT, m.device, 6)), 0x010310u);
    if (v4_1()) return;
    EXPECT_EQ(code(vmapti(m.device, 0, 0, 8200, 40)), 0x012A06u) << "a doorbell is an LPI, or 1023";
    EXPECT_EQ(code(vsgi(0, 1, 1)), 0x01232Eu) << "there are no virtual SGIs";
    EXPECT_EQ(code(about_vpe(Code::INVDB, 0)), 0x012E2Eu);
}

TEST(VirtualLpiV40, EveryEventMayHaveADoorbellOfItsOwnOrNone) {
    GuestMachine m(Version::V4_0);
    m.execute({vmapti(m.device, 2, 0, 8210), vsync(0)});
    m.doorbell(m.device, 2);
    m.run();
    EXPECT_TRUE(m.in_memory(0, 8210));
    EXPECT_EQ(m.cpu(0).acknowledge(), 1023u);
}

TEST(VirtualLpiV40, VmoviWithDChangesTheDoorbell) {
    GuestMachine m(Version::V4_0);
    ItsCommand moved = vmovi(m.device, 0, 1);
    moved.set(ItsCommand::D, true);
    moved.set(ItsCommand::Db_pINTID, m.doorbell0 + 1);
    m.execute({moved, vsync(0), vsync(1)});
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.cpu(1).acknowledge(), m.doorbell0 + 1);
}

TEST(VirtualLpiV41, DoorbellRingsOnlyWhenAskedFor) {
    GuestMachine m(Version::V4_1);
    m.enter(0, 0);
    m.leave(0, false);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_TRUE(m.in_memory(0, 8200));
    EXPECT_EQ(m.cpu(0).acknowledge(), 1023u);
}

TEST(VirtualLpiV41, DoorbellRingsOnceUntilTheGuestRan) {
    GuestMachine m(Version::V4_1);
    m.execute({vmapti(m.device, 2, 0, 8210), vsync(0)});
    m.enter(0, 0);
    m.leave(0);
    m.doorbell(m.device, 0);
    m.doorbell(m.device, 2);
    m.run();
    EXPECT_EQ(Counters(m.gic)["gicr.virtual.doorbells"], 1u);
}

TEST(VirtualLpiV41, DoorbellDoesNotRingForADisabledInterrupt) {
    GuestMachine m(Version::V4_1);
    m.memory.put<u8>(m.virtual_properties + 8, 0xA0);
    m.enter(0, 0);
    m.leave(0);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.cpu(0).acknowledge(), 1023u);
}

TEST(VirtualLpiV41, InvdbRereadsThePropertyOfTheDoorbell) {
    GuestMachine m(Version::V4_1);
    m.configure_lpi(m.doorbell0, 0xA0);
    m.enter(0, 0);
    m.leave(0);
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.cpu(0).acknowledge(), 1023u) << "pending and disabled";
    m.configure_lpi(m.doorbell0, 0xA1);
    m.execute({about_vpe(Code::INVDB, 0), vsync(0)});
    EXPECT_EQ(m.cpu(0).acknowledge(), m.doorbell0);
}

TEST(VirtualLpiV41, GroupsOfVpendbaserLetInterruptsThrough) {
    GuestMachine m(Version::V4_1);
    m.set_r(0, 0x2'0070, m.vpe_table | m.valid | 3, 8);
    m.set_r(0, 0x2'0078, m.valid, 8);  // neither group
    m.run();
    m.doorbell(m.device, 0);
    m.run();
    EXPECT_EQ(m.take(0), 1023u);
    m.leave(0);
    m.enter(0, 0);
    EXPECT_EQ(m.take(0), 8200u);
}

// Virtual SGIs

class VirtualSgi : public testing::Test {
protected:
    void send(u32 vpe, u32 intid) {
        m.write(m.gic.its(0), Machine::gits + spec::gits_sgir, u64{vpe} << 32 | intid, 8);
        m.run();
    }
    GuestMachine m{Version::V4_1};
};

TEST_F(VirtualSgi, ReachesTheRunningGuestByItsPriority) {
    m.execute({vsgi(0, 3, 4), vsgi(0, 5, 2), vsync(0)});
    m.enter(0, 0);
    send(0, 3);
    send(0, 5);
    EXPECT_EQ(m.take(0), 5u);
    m.icc("ICV_EOIR1_EL1", 5, 0);
    EXPECT_EQ(m.take(0), 3u);
}

TEST_F(VirtualSgi, WakesAnAbsentGuestByItsDoorbell) {
    m.execute({vsgi(0, 3, 4), vsync(0)});
    m.enter(0, 0);
    m.leave(0);
    send(0, 3);
    EXPECT_EQ(m.cpu(0).acknowledge(), m.doorbell0);
    m.enter(0, 0);
    EXPECT_EQ(m.take(0), 3u);
}

TEST_F(VirtualSgi, DisabledOneIsKept) {
    m.enter(0, 0);
    send(0, 3);
    EXPECT_EQ(m.take(0), 1023u);
    m.execute({vsgi(0, 3, 4), vsync(0)});
    EXPECT_EQ(m.take(0), 3u);
}

TEST_F(VirtualSgi, ClearTakesOnlyThePendingStateAway) {
    m.execute({vsgi(0, 3, 4), vsync(0)});
    m.enter(0, 0);
    send(0, 3);
    ItsCommand clear = about_vpe(Code::VSGI, 0);
    clear.set(ItsCommand::vSGI, 3);
    clear.set(ItsCommand::Clear, true);
    m.execute({clear, vsync(0)});
    EXPECT_EQ(m.take(0), 1023u);
    send(0, 3);
    EXPECT_EQ(m.take(0), 3u);
}

TEST_F(VirtualSgi, VsgirTellsWhichArePending) {
    send(0, 3);
    send(0, 9);
    m.set_r(0, 0x2'0070, m.vpe_table | m.valid | 3, 8);
    m.set_r(0, 0x2'0080, 0);
    EXPECT_EQ(m.r(0, 0x2'0088) >> 31, 1u) << "Busy";
    m.run();
    EXPECT_EQ(m.r(0, 0x2'0088), 1u << 3 | 1u << 9);
}

}  // namespace
}  // namespace smmusim::gic::test
