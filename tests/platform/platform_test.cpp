// Promises of a whole machine: addresses, accesses of CPUs, raw requesters and functions.
#include "platform/operations.hpp"

namespace smmusim::platform {
namespace {

TEST(Platform, PresetIsTheDefaultMachine) {
    const PlatformConfig preset = load_platform(config::load_preset("presets/virt.yaml"));
    PlatformConfig preset_copy = preset;
    PlatformConfig fresh;
    const auto listed = config::parameters(preset_copy);
    const auto defaults = config::parameters(fresh);
    ASSERT_EQ(listed.size(), defaults.size());
    for (std::size_t i = 0; i < listed.size(); ++i) EXPECT_EQ(listed[i].value, defaults[i].value) << listed[i].path;
}

TEST(Platform, AddressesAreThoseOfTheDefaultMachine) {
    Platform platform{PlatformConfig{}};
    const memory::AddressMap& map = platform.machine().interconnect->address_map();
    const auto at = [&](u64 address) {
        const memory::Region* const region = map.find(address, 4);
        return region == nullptr ? std::string("nothing") : region->name;
    };
    EXPECT_EQ(at(0x08000000), "gicd");
    EXPECT_EQ(at(0x08020000), "gicv2m");
    EXPECT_EQ(at(0x08080000), "its0_frames");
    EXPECT_EQ(at(0x08090040), "its0_frames");
    EXPECT_EQ(at(0x080A0000), "gicr");
    EXPECT_EQ(at(0x09050000), "smmu0_registers");
    EXPECT_EQ(at(0x0B200000), "smmu0_pmcg0");
    EXPECT_EQ(at(0x0B23FFFC), "smmu0_pmcg1");
    EXPECT_EQ(at(0x10000000), "root_complex0_memory32");
    EXPECT_EQ(at(0x40000000), "memory");
    EXPECT_EQ(at(0xBFFFFFFC), "memory");
    EXPECT_EQ(at(0xC0000000), "nothing");
    EXPECT_EQ(at(0x4010000000), "root_complex0_ecam");
    EXPECT_EQ(at(0x8000000000), "root_complex0_memory64");
    EXPECT_EQ(at(0x1000), "nothing");
}

TEST(Platform, CpuLoadsAndStoresReachMemoryAndDevicesInTime) {
    Platform platform{PlatformConfig{}};
    platform.mmio_write(ram + 16, 0x1122334455667788, 8);
    EXPECT_EQ(platform.mmio_read(ram + 18, 2, 3), 0x5566u);
    EXPECT_EQ(platform.memory().at(ram + 16)[0], 0x88);
    const Time before = platform.now();
    platform.mmio_read(ram, 4);
    const auto& config = platform.config();
    EXPECT_EQ(platform.now() - before,
              config.interconnect.request_latency + config.memory.latency + config.interconnect.response_latency);
    EXPECT_EQ(platform.mmio_read(0x09050000 + 0x20, 4), 0u);  // SMMU_CR0
    EXPECT_NE(platform.mmio_read(0x08000000 + 0x4, 4), 0u);   // GICD_TYPER
    EXPECT_NE(platform.mmio_read(0x08080000 + 0x8, 8), 0u);   // GITS_TYPER
    EXPECT_NE(platform.mmio_read(0x080A0000 + 0x8, 8) + 1, 0u);
    EXPECT_EQ(platform.mmio_read(0x09050000 + 0x2, 4), 0u);  // misaligned: RAZ
    EXPECT_THROW(platform.mmio_read(ram, 3), std::invalid_argument);
    EXPECT_THROW(platform.mmio_read(ram, 4, 4), std::invalid_argument);
    EXPECT_THROW(platform.mmio_read(ram + 4094, 4), std::invalid_argument);
}

TEST(Platform, EcamShowsTheFunctionAndAllOnesElsewhere) {
    Platform platform{PlatformConfig{}};
    const u64 function = 0x4010000000 + (u64{8} << 12);
    EXPECT_EQ(platform.mmio_read(function, 4), 0x0001'1DEDu);
    EXPECT_EQ(platform.mmio_read(0x4010000000 + (u64{16} << 12), 4), 0xFFFFFFFFu);
}

TEST(Platform, AddressThatNothingDecodesIsABusError) {
    Platform platform{PlatformConfig{}};
    for (const u64 address : {u64{0x1000}, u64{0xC0000000}, u64{0x10000000}}) {
        try {
            platform.mmio_read(address, 4);
            ADD_FAILURE() << address;
        } catch (const BusError& error) {
            EXPECT_EQ(error.address(), address);
            EXPECT_EQ(error.size(), 4u);
            EXPECT_FALSE(error.write());
        }
    }
    EXPECT_THROW(platform.mmio_write(0x1000, 0, 8), BusError);
}

TEST(Platform, RawRequesterReachesMemoryThroughTheSmmuInBypass) {
    Platform platform{PlatformConfig{}};
    std::vector<u8> data(9000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<u8>(i * 7);
    const auto write = write_of(ram + 100, data);
    platform.submit({.stream_id = 8}, write);
    platform.wait(write);
    EXPECT_EQ(write->status, Status::Ok);
    const auto read = read_of(ram + 100, data.size());
    platform.submit({.stream_id = 9}, read);
    platform.wait(read);
    EXPECT_EQ(read->data, data);
    EXPECT_GT(read->latency(), platform.config().memory.latency);
    results::StatisticsTable table;
    platform.statistics(table);
    EXPECT_EQ(table.find("smmu0.transaction")->integer, 6u);  // cut at 4 KiB only
    EXPECT_EQ(table.find("requester0_0.bytes")->integer, 18000u);
}

TEST(Platform, RawRequesterToAHoleIsUnsupportedWithoutEvent) {
    Platform platform{PlatformConfig{}};
    const auto read = read_of(0x1000, 4);
    platform.submit({.stream_id = 8}, read);
    platform.wait(read);
    EXPECT_EQ(read->status, Status::Unsupported);
    EXPECT_TRUE(read->data.empty());
    EXPECT_TRUE(platform.events().empty());
}

TEST(Platform, MachineWithoutSmmuIsValid) {
    PlatformConfig config;
    config.smmus.clear();
    Platform platform{config};
    const auto write = write_of(ram, {1, 2, 3});
    platform.submit({.stream_id = 8}, write);
    platform.wait(write);
    EXPECT_EQ(platform.memory().at(ram)[2], 3);
    EXPECT_THROW(platform.mmio_read(0x09050000, 4), BusError);
    EXPECT_THROW(platform.submit({.smmu = 1}, read_of(ram, 1)), std::invalid_argument);
}

TEST(Platform, WhatCannotBeSentIsRefused) {
    Platform platform{PlatformConfig{}};
    EXPECT_THROW(platform.submit({}, read_of(ram, 0)), std::invalid_argument);
    EXPECT_THROW(platform.submit({}, read_of(~u64{0} - 2, 8)), std::invalid_argument);
    EXPECT_THROW(platform.submit({.instruction = true}, write_of(ram, {1})), std::invalid_argument);
    EXPECT_THROW(platform.submit({.tbu = 1}, read_of(ram, 1)), std::invalid_argument);
    EXPECT_THROW(platform.submit(1, read_of(ram, 1)), std::invalid_argument);
}

TEST(Platform, EndpointWithBusMasteringOffSendsNothing) {
    Platform platform{PlatformConfig{}};
    const auto read = read_of(ram, 64);
    platform.submit(0, read);
    platform.wait(read);
    EXPECT_EQ(read->status, Status::Unsupported);
    EXPECT_EQ(read->latency(), 0u);
}

TEST(Platform, EndpointReadsAndWritesOverItsLink) {
    Platform platform{PlatformConfig{}};
    platform.mmio_write(0x4010000000 + (u64{8} << 12) + 4, 0x6, 2);  // memory space and bus master
    platform.memory().at(ram + 4096)[0] = 77;
    const auto read = read_of(ram + 4096, 1000);
    platform.submit(0, read);
    platform.wait(read);
    ASSERT_EQ(read->status, Status::Ok);
    EXPECT_EQ(read->data[0], 77);
    const auto write = write_of(ram + 8192, std::vector<u8>(500, 5));
    platform.submit(0, write);
    platform.wait(write);
    EXPECT_EQ(write->status, Status::Ok);
    EXPECT_EQ(platform.memory().at(ram + 8192)[499], 5);
}

}  // namespace
}  // namespace smmusim::platform
