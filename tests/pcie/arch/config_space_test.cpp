// Promises of configuration space: layout, BAR sizing, capability list, limits, function level reset.
#include <gtest/gtest.h>

#include <map>

#include "pcie/arch/function.hpp"

namespace smmusim::pcie::arch {
namespace {

using namespace spec;

struct Device {
    explicit Device(FunctionConfig config = {}) : function(config, {3, 8}) {}

    u32 read(u32 offset, u32 size = 4) const { return function.config_read(offset, size); }
    FunctionState::ConfigEffect write(u32 offset, u32 size, u32 value) {
        return function.config_write(offset, size, value);
    }
    /// Offset by identifier, following the list as software does.
    std::map<u32, u32> capabilities() const {
        std::map<u32, u32> found;
        for (u32 at = read(header::capabilities, 1); at != 0; at = read(at + 1, 1)) found[read(at, 1)] = at;
        return found;
    }
    u32 express() const { return capabilities().at(0x10); }

    FunctionState function;
};

TEST(ConfigSpace, ComesUpWithBusMasteringAndDecodingOff) {
    const Device device;
    EXPECT_EQ(device.read(header::command, 2), 0u);
    EXPECT_FALSE(device.function.bus_master());
    EXPECT_EQ(device.read(header::status, 2), status::capability_list);
    EXPECT_EQ(device.read(header::vendor_id, 2), FunctionConfig{}.vendor_id);
    EXPECT_EQ(device.read(0x00), u32{FunctionConfig{}.device_id} << 16 | FunctionConfig{}.vendor_id);
}

TEST(ConfigSpace, IdentityIsReadOnlyAndReservedBitsStayZero) {
    Device device;
    device.write(header::vendor_id, 4, 0xFFFF'FFFF);
    EXPECT_EQ(device.read(header::vendor_id, 2), FunctionConfig{}.vendor_id);
    device.write(header::command, 2, 0xFFFF);
    EXPECT_EQ(device.read(header::command, 2), 0x0546u);  // memory, bus master, parity, SERR, INTx disable
    device.write(0x34, 1, 0);
    EXPECT_NE(device.read(0x34, 1), 0u);
    device.write(0xF00, 4, ~0u);
    EXPECT_EQ(device.read(0xF00), 0u);
}

TEST(ConfigSpace, AccessesThatNoConfigurationRequestCanMakeReadZeroAndChangeNothing) {
    Device device;
    device.write(header::command, 3, 0x6);
    device.write(header::command + 1, 2, 0x0101);
    device.write(header::command, 8, 0x6);
    EXPECT_EQ(device.read(header::command, 2), 0u);
    EXPECT_EQ(device.read(0x01, 2), 0u);
    EXPECT_EQ(device.read(0x00, 8), 0u);
}

TEST(ConfigSpace, WritingOnesToA32BitBarShowsItsSize) {
    Device device;
    device.write(header::bar0, 4, ~0u);
    EXPECT_EQ(device.read(header::bar0), 0xFFFF'0000u);  // 64 KiB, 32-bit, not prefetchable
    device.write(header::bar0 + 4, 4, ~0u);
    EXPECT_EQ(device.read(header::bar0 + 4), 0u);  // not implemented
}

TEST(ConfigSpace, WritingOnesToA64BitBarShowsItsSizeInBothHalves) {
    FunctionConfig config;
    config.bars = {{8 * GiB, true, true}, {64 * KiB, true, false}};
    Device device(config);
    device.write(header::bar0, 4, ~0u);
    device.write(header::bar0 + 4, 4, ~0u);
    EXPECT_EQ(device.read(header::bar0), 0x0000'000Cu);  // 64-bit, prefetchable, no address bit below 4 GiB
    EXPECT_EQ(device.read(header::bar0 + 4), 0xFFFF'FFFEu);
    EXPECT_EQ(device.read(header::bar0 + 8) & bar::attributes, bar::wide);
}

TEST(ConfigSpace, BarsDecodeOnlyWhenProgrammedAndEnabled) {
    Device device;
    EXPECT_FALSE(device.function.decode(0x1000'0000, 4));
    device.write(header::bar0, 4, 0x1000'0000);
    EXPECT_FALSE(device.function.decode(0x1000'0000, 4));
    device.write(header::command, 2, command::memory);
    const auto region = device.function.decode(0x1000'0010, 4);
    ASSERT_TRUE(region);
    EXPECT_EQ(region->bar, 0u);
    EXPECT_EQ(region->offset, 0x10u);
    EXPECT_TRUE(device.function.decode(0x1000'FFFC, 4));
    EXPECT_FALSE(device.function.decode(0x1000'FFFC, 8));
    EXPECT_FALSE(device.function.decode(0x1001'0000, 4));
    EXPECT_FALSE(device.function.decode(0, 4));  // the unprogrammed BAR claims nothing
    device.write(header::bar0 + 8, 4, 0x0010'0000);
    device.write(header::bar0 + 12, 4, 0x80);
    const auto high = device.function.decode(0x80'0010'0008, 8);
    ASSERT_TRUE(high);
    EXPECT_EQ(high->bar, 2u);
}

TEST(ConfigSpace, CapabilityListHoldsWhatIsConfigured) {
    const Device all;
    EXPECT_EQ(all.capabilities().size(), 4u);
    for (const u32 identifier : {0x01u, 0x05u, 0x10u, 0x11u}) EXPECT_EQ(all.capabilities().count(identifier), 1u);
    FunctionConfig config;
    config.msi_vectors = 0;
    config.msix_vectors = 0;
    config.power_management = false;
    const Device bare(config);
    ASSERT_EQ(bare.capabilities().size(), 1u);
    EXPECT_EQ(bare.capabilities().begin()->first, 0x10u);
}

TEST(ConfigSpace, PayloadReadRequestAndTagsComeUpAsConfiguredAndFollowDeviceControl) {
    FunctionConfig config;
    config.mps = 512;
    config.mrrs = 1024;
    config.tags = 300;
    Device device(config);
    EXPECT_EQ(device.function.max_payload(), 512u);
    EXPECT_EQ(device.function.max_read_request(), 1024u);
    EXPECT_EQ(device.function.usable_tags(), 300u);
    const u32 control = device.express() + express::device_control;
    EXPECT_EQ(device.read(device.express() + express::device_capabilities) & 7, 2u);
    device.write(control, 2, 0u << express::devctl_payload | 0u << express::devctl_read_request);
    EXPECT_EQ(device.function.max_payload(), 128u);
    EXPECT_EQ(device.function.max_read_request(), 128u);
    EXPECT_EQ(device.function.usable_tags(), 300u);
    device.write(device.express() + express::device_control_2, 2, 0);
    EXPECT_EQ(device.function.usable_tags(), 32u);
    device.write(control, 2, 5u << express::devctl_payload | express::devctl_extended_tag);
    EXPECT_EQ(device.function.max_payload(), 512u);  // never more than it supports
    EXPECT_EQ(device.function.usable_tags(), 256u);
}

TEST(ConfigSpace, LinkRegistersShowSpeedAndWidth) {
    const Device device;
    EXPECT_EQ(device.read(device.express() + express::link_status, 2), 3u | 8u << 4);
    EXPECT_EQ(device.read(device.express() + express::link_capabilities_2), 0b1110u);
}

TEST(ConfigSpace, StatusErrorsAreClearedByWritingOnes) {
    Device device;
    device.function.report_abort(sim::Status::CompleterAbort);
    device.function.report_abort(sim::Status::Unsupported);
    EXPECT_EQ(device.read(header::status, 2), 0x3010u);
    device.write(header::status, 2, status::received_target_abort);
    EXPECT_EQ(device.read(header::status, 2), 0x2010u);
    device.write(header::status, 2, 0);
    EXPECT_EQ(device.read(header::status, 2), 0x2010u);
}

TEST(ConfigSpace, FunctionResetIsAskedForByOneBitOfAnyWidthOfAccess) {
    Device device;
    const u32 control = device.express() + express::device_control;
    using Effect = FunctionState::ConfigEffect;
    EXPECT_EQ(device.write(control, 2, 0x8000), Effect::FunctionReset);
    EXPECT_EQ(device.write(control, 4, 0x8000), Effect::FunctionReset);
    EXPECT_EQ(device.write(control + 1, 1, 0x80), Effect::FunctionReset);
    EXPECT_EQ(device.write(control, 1, 0x80), Effect::None);
    EXPECT_EQ(device.write(control + 2, 2, 0x8000), Effect::None);
    EXPECT_EQ(device.read(control, 2) & 0x8000, 0u);
}

TEST(ConfigSpace, ResetRestoresEverything) {
    Device device;
    device.write(header::command, 2, 0x6);
    device.write(header::bar0, 4, 0x1000'0000);
    device.function.reset();
    EXPECT_EQ(device.read(header::command, 2), 0u);
    EXPECT_EQ(device.read(header::bar0), 0u);
    EXPECT_FALSE(device.function.bus_master());
}

TEST(ConfigSpace, FunctionLevelResetKeepsPayloadAndReadCompletionBoundary) {
    FunctionConfig config;
    config.mps = 512;
    Device device(config);
    const u32 control = device.express() + express::device_control;
    const u32 link = device.express() + express::link_control;
    const u32 at_power_on = device.read(control, 2);
    device.write(control, 2, 1u << express::devctl_payload);  // 256 bytes, reads of 128, no hints
    device.write(link, 2, express::lnkctl_read_completion_boundary);
    device.write(header::command, 2, 0x6);
    device.function.function_level_reset();
    EXPECT_EQ(device.read(header::command, 2), 0u);
    EXPECT_EQ(device.read(control, 2),
              (at_power_on & ~(7u << express::devctl_payload)) | 1u << express::devctl_payload);
    EXPECT_EQ(device.function.max_payload(), 256u);
    EXPECT_EQ(device.read(link, 2), express::lnkctl_read_completion_boundary);
    device.function.reset();
    EXPECT_EQ(device.function.max_payload(), 512u);
    EXPECT_EQ(device.read(link, 2), 0u);
}

TEST(FunctionConfig, ImpossibleFunctionsAreNamed) {
    const auto problem = [](auto change) {
        FunctionConfig config;
        change(config);
        return config.problem();
    };
    EXPECT_EQ(FunctionConfig{}.problem(), "");
    EXPECT_NE(problem([](FunctionConfig& c) { c.mps = 300; }).find("mps"), std::string::npos);
    EXPECT_NE(problem([](FunctionConfig& c) { c.mrrs = 64; }).find("mrrs"), std::string::npos);
    EXPECT_NE(problem([](FunctionConfig& c) { c.tags = 0; }).find("tags"), std::string::npos);
    EXPECT_NE(problem([](FunctionConfig& c) { c.msi_vectors = 3; }).find("msi_vectors"), std::string::npos);
    EXPECT_NE(problem([](FunctionConfig& c) { c.msix_bar = 5; }).find("msix_bar"), std::string::npos);
    EXPECT_NE(problem([](FunctionConfig& c) {
                  c.msix_vectors = 2048;
                  c.bars[2].size = 32 * KiB;
              }).find("bar2.size"),
              std::string::npos);
    EXPECT_NE(problem([](FunctionConfig& c) { c.bars[0].size = 3000; }).find("bar0.size"), std::string::npos);
    EXPECT_NE(problem([](FunctionConfig& c) {
                  c.bars.assign(4, {64 * KiB, true, false});
              }).find("BAR registers"),
              std::string::npos);
}

}  // namespace
}  // namespace smmusim::pcie::arch
