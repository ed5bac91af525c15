// Promises of MSI and MSI-X: masks, pending bits, what an unmask sends.
#include <gtest/gtest.h>

#include "pcie/arch/function.hpp"
#include "sim/access.hpp"

namespace smmusim::pcie::arch {
namespace {

using namespace spec;

struct Interrupts : testing::Test {
    Interrupts() { rebuild({}); }
    void rebuild(FunctionConfig config) {
        function = std::make_unique<FunctionState>(config, LinkIdentity{3, 8});
        for (u32 at = read(header::capabilities, 1); at != 0; at = read(at + 1, 1)) {
            if (read(at, 1) == 0x05) msi_at = at;
            if (read(at, 1) == 0x11) msix_at = at;
        }
        write(header::bar0 + 8, 4, 0x2000'0000);
        write(header::command, 2, command::memory | command::bus_master);
    }
    u32 read(u32 offset, u32 size) const { return function->config_read(offset, size); }
    void write(u32 offset, u32 size, u32 value) { function->config_write(offset, size, value); }

    u64 table(u64 offset, u32 size = 4) {
        const auto access = simulation.accesses().make(sim::Command::Read, 0x2000'0000 + offset, size);
        status = function->access_region(*function->decode(access->address, size), *access);
        return access->value();
    }
    void set_table(u64 offset, u64 value, u32 size = 4) {
        const auto access = simulation.accesses().make(sim::Command::Write, 0x2000'0000 + offset, size);
        access->set_value(value);
        status = function->access_region(*function->decode(access->address, size), *access);
    }
    void program(u32 vector, u64 address, u32 data, bool masked = false) {
        set_table(vector * 16, address, 8);
        set_table(vector * 16 + 8, data);
        set_table(vector * 16 + 12, masked);
    }
    void enable_msix(u32 extra = 0) { write(msix_at + msix::control, 2, msix::control_enable | extra); }
    u64 pending_offset() const { return read(msix_at + msix::pending_array, 4) & ~7u; }

    sim::Simulation simulation;
    std::unique_ptr<FunctionState> function;
    u32 msi_at = 0;
    u32 msix_at = 0;
    sim::Status status = sim::Status::Pending;
    Message message;
};
using Msix = Interrupts;
using Msi = Interrupts;

TEST_F(Msix, CapabilityTellsSizeAndPlaceOfTheTable) {
    EXPECT_EQ(read(msix_at + msix::control, 2) & msix::control_size, 63u);
    EXPECT_EQ(read(msix_at + msix::table, 4) & 7, 2u);
    EXPECT_EQ(read(msix_at + msix::table, 4) & ~7u, 0u);
    EXPECT_EQ(pending_offset(), 4096u);
}

TEST_F(Msix, EveryEntryComesUpMasked) {
    for (u32 vector = 0; vector < 64; ++vector) {
        EXPECT_EQ(table(vector * 16 + 12), 1u);
        EXPECT_EQ(table(vector * 16, 8), 0u);
    }
}

TEST_F(Msix, UnmaskedCauseIsTheMessageOfItsEntry) {
    program(5, 0x1'0809'0040, 0xABCD'1234);
    enable_msix();
    ASSERT_EQ(function->raise(5, message), Raised::Message);
    EXPECT_EQ(message.vector, 5u);
    EXPECT_EQ(message.address, 0x1'0809'0040u);
    EXPECT_EQ(message.data, 0xABCD'1234u);
}

TEST_F(Msix, DisabledFunctionHasNoMessageAndNoPendingBit) {
    program(0, 0x1000, 1);
    EXPECT_EQ(function->raise(0, message), Raised::Disabled);
    EXPECT_EQ(table(pending_offset(), 8), 0u);
}

TEST_F(Msix, MaskedCauseSetsItsPendingBitAndUnmaskSendsItOnce) {
    program(3, 0x1000, 33, true);
    enable_msix();
    EXPECT_EQ(function->raise(3, message), Raised::Pending);
    EXPECT_EQ(function->raise(3, message), Raised::Pending);  // merged
    EXPECT_EQ(table(pending_offset(), 8), 1u << 3);
    EXPECT_FALSE(function->take_deliverable());
    set_table(3 * 16 + 12, 0);
    const auto freed = function->take_deliverable();
    ASSERT_TRUE(freed);
    EXPECT_EQ(freed->vector, 3u);
    EXPECT_EQ(freed->data, 33u);
    EXPECT_EQ(table(pending_offset(), 8), 0u);
    EXPECT_FALSE(function->take_deliverable());
}

TEST_F(Msix, UnmaskUsesTheEntryAsItIsThen) {
    program(1, 0x1000, 1, true);
    enable_msix();
    function->raise(1, message);
    set_table(16 + 8, 77);
    set_table(16 + 12, 0);
    EXPECT_EQ(function->take_deliverable()->data, 77u);
}

TEST_F(Msix, FunctionMaskActsOnAllVectorsAndKeepsTheEntries) {
    for (u32 vector = 0; vector < 4; ++vector) program(vector, 0x1000, vector, vector == 2);
    enable_msix(msix::control_function_mask);
    for (u32 vector = 0; vector < 4; ++vector) EXPECT_EQ(function->raise(vector, message), Raised::Pending);
    EXPECT_EQ(table(pending_offset()), 0b1111u);
    EXPECT_FALSE(function->take_deliverable());
    enable_msix();
    std::vector<u32> freed;
    while (const auto next = function->take_deliverable()) freed.push_back(next->vector);
    EXPECT_EQ(freed, (std::vector<u32>{0, 1, 3}));
    EXPECT_EQ(table(pending_offset()), 0b0100u);  // its own mask still holds
}

TEST_F(Msix, PendingBitsBeyondTheFirstWord) {
    FunctionConfig config;
    config.msix_vectors = 100;
    rebuild(config);
    enable_msix();
    EXPECT_EQ(function->raise(99, message), Raised::Pending);
    EXPECT_EQ(table(pending_offset() + 8, 8), u64{1} << 35);
    EXPECT_EQ(table(pending_offset() + 12), 1u << 3);
}

TEST_F(Msix, AddressBitsBelowTheDoubleWordAndReservedControlBitsAreZero) {
    set_table(0, ~0u);
    set_table(12, ~0u);
    EXPECT_EQ(table(0), 0xFFFF'FFFCu);
    EXPECT_EQ(table(12), 1u);
}

TEST_F(Msix, TableTakesAlignedDoubleAndQuadWordsOnly) {
    program(0, 0x1234'5678'0000, 9);
    EXPECT_EQ(table(0, 8), 0x1234'5678'0000u);
    EXPECT_EQ(status, sim::Status::Ok);
    EXPECT_EQ(table(0, 2), 0u);
    EXPECT_EQ(status, sim::Status::Discarded);
    set_table(1, 0xFF, 1);
    EXPECT_EQ(status, sim::Status::Discarded);
    set_table(4, 0, 8);  // misaligned quad word
    EXPECT_EQ(status, sim::Status::Discarded);
    EXPECT_EQ(table(0, 8), 0x1234'5678'0000u);
}

TEST_F(Msix, PendingBitsAreTheFunctionsToWrite) {
    set_table(pending_offset(), ~u64{0}, 8);
    EXPECT_EQ(table(pending_offset(), 8), 0u);
}

TEST_F(Msix, ResetMasksAllAndForgetsPending) {
    program(0, 0x1000, 1);
    enable_msix(msix::control_function_mask);
    function->raise(0, message);
    function->reset();
    write(header::bar0 + 8, 4, 0x2000'0000);
    write(header::command, 2, command::memory);
    EXPECT_EQ(table(12), 1u);
    EXPECT_EQ(table(0, 8), 0u);
    enable_msix();
    EXPECT_EQ(table(pending_offset(), 8), 0u);
}

TEST_F(Msix, WinsOverMsiWhenBothAreEnabled) {
    program(0, 0x1000, 1);
    write(msi_at + msi::address, 4, 0x2000);
    write(msi_at + msi::control, 2, msi::control_enable);
    enable_msix();
    function->raise(0, message);
    EXPECT_EQ(message.address, 0x1000u);
}

TEST_F(Msi, VectorStandsInTheLowBitsOfTheData) {
    write(msi_at + msi::address, 4, 0x0809'0043);
    write(msi_at + msi::address_high, 4, 0x1);
    write(msi_at + msi::data(true), 2, 0xABC7);
    write(msi_at + msi::control, 2, msi::control_enable | 3u << msi::control_allocated);
    ASSERT_EQ(function->raise(5, message), Raised::Message);
    EXPECT_EQ(message.address, 0x1'0809'0040u);  // [1:0] are zero
    EXPECT_EQ(message.data, 0xABC5u);            // 8 vectors: 3 bits
}

TEST_F(Msi, FewerAllocatedVectorsAreShared) {
    write(msi_at + msi::data(true), 2, 0x10);
    write(msi_at + msi::control, 2, msi::control_enable | 1u << msi::control_allocated);
    function->raise(5, message);
    EXPECT_EQ(message.data, 0x11u);
    write(msi_at + msi::control, 2, msi::control_enable);
    function->raise(5, message);
    EXPECT_EQ(message.data, 0x10u);
}

TEST_F(Msi, OfferedVectorsAreReadOnlyAndBoundTheAllocation) {
    write(msi_at + msi::control, 2, 0xFFFF);
    const u32 control = read(msi_at + msi::control, 2);
    EXPECT_EQ(control >> msi::control_offered & 7, 3u);
    EXPECT_NE(control & msi::control_wide, 0u);
    function->raise(7, message);
    EXPECT_EQ(message.data, 7u);  // 128 allocated, 8 offered
}

TEST_F(Msi, MaskedVectorPendsAndIsSentOnUnmask) {
    write(msi_at + msi::control, 2, msi::control_enable | 3u << msi::control_allocated);
    write(msi_at + msi::mask(true), 4, 1u << 2);
    EXPECT_EQ(function->raise(2, message), Raised::Pending);
    EXPECT_EQ(read(msi_at + msi::pending(true), 4), 1u << 2);
    write(msi_at + msi::pending(true), 4, 0);  // read-only
    EXPECT_FALSE(function->take_deliverable());
    write(msi_at + msi::mask(true), 4, 0);
    EXPECT_EQ(function->take_deliverable()->vector, 2u);
    EXPECT_EQ(read(msi_at + msi::pending(true), 4), 0u);
}

TEST_F(Msi, UnmaskedVectorStaysPendingUntilBusMasteringIsOn) {
    write(msi_at + msi::control, 2, msi::control_enable | 3u << msi::control_allocated);
    write(msi_at + msi::mask(true), 4, 1u << 2);
    function->raise(2, message);
    write(header::command, 2, command::memory);
    write(msi_at + msi::mask(true), 4, 0);
    EXPECT_FALSE(function->take_deliverable());
    EXPECT_EQ(read(msi_at + msi::pending(true), 4), 1u << 2);
    write(header::command, 2, command::memory | command::bus_master);
    ASSERT_TRUE(function->take_deliverable());
    EXPECT_EQ(read(msi_at + msi::pending(true), 4), 0u);
}

TEST_F(Msi, DisabledFunctionHasNoMessage) { EXPECT_EQ(function->raise(0, message), Raised::Disabled); }

}  // namespace
}  // namespace smmusim::pcie::arch
