// Promises of register tables: sizes, halves, bytes, arrays, reserved offsets.
#include "sim/register_file.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace smmusim::sim {
namespace {

/// What the rows refer to.
class Handlers {
public:
    void control_written(u32 index, u64 value) { written.emplace_back(index, value); }
    u64 status(u32 index) { return 0x5000 + index; }

    std::vector<std::pair<u32, u64>> written;
};

constexpr u64 all = ~u64{0};
constexpr std::array<Register<Handlers>, 10> registers{{
    {.name = "ID", .offset = 0x00, .reset = 0x1234},
    {.name = "CONTROL", .offset = 0x04, .writable = 0xff, .on_write = &Handlers::control_written},
    {.name = "BASE", .offset = 0x08, .width = 64, .reset = 7, .writable = 0x00ff'ffff'ffff'ffe0},
    {.name = "STATUS", .offset = 0x10, .count = 3, .on_read = &Handlers::status},
    {.name = "PRIORITY", .offset = 0x20, .writable = 0xf8f8f8f8, .count = 4, .bytes = true},
    {.name = "PAGE", .offset = 0x40, .width = 64, .writable = all, .count = 4, .stride = 32},
    {.name = "PAGE_CFG", .offset = 0x48, .writable = all, .count = 4, .stride = 32},
    {.name = "PAGE_STATUS", .offset = 0x4c, .reset = 9, .count = 4, .stride = 32},
    {.name = "CLEAR",
     .offset = 0xe0,
     .width = 64,
     .writable = 0xffff'0000'00ff,
     .on_write = &Handlers::control_written,
     .on_read = &Handlers::status,
     .write_one = true},
    {.name = "BYTE", .offset = 0xf0, .width = 8, .writable = 0xff},
}};

class Device : public Handlers {
public:
    u64 read(u64 offset, u32 size) { return file.read(*this, offset, size); }
    void write(u64 offset, u32 size, u64 data) { file.write(*this, offset, size, data); }

    RegisterFile<Handlers, registers> file;
};

TEST(RegisterFile, ReadOnlyRegisterKeepsItsResetValue) {
    Device device;
    EXPECT_EQ(device.read(0x00, 4), 0x1234u);
    device.write(0x00, 4, all);
    EXPECT_EQ(device.read(0x00, 4), 0x1234u);
}

TEST(RegisterFile, OnlyWritableBitsChange) {
    Device device;
    device.write(0x08, 8, all);
    EXPECT_EQ(device.read(0x08, 8), 0x00ff'ffff'ffff'ffe7u);
}

TEST(RegisterFile, WideRegisterIsTwoHalves) {
    Device device;
    device.write(0x0c, 4, 0x0011'2233);
    EXPECT_EQ(device.read(0x08, 8), 0x0011'2233'0000'0007u);
    device.write(0x08, 4, 0x4455'6680);
    EXPECT_EQ(device.read(0x08, 8), 0x0011'2233'4455'6687u);
    EXPECT_EQ(device.read(0x0c, 4), 0x0011'2233u);
    EXPECT_EQ(device.read(0x08, 4), 0x4455'6687u);
}

TEST(RegisterFile, WrongSizesAndAlignmentsReadZeroAndAreIgnored) {
    Device device;
    device.write(0x08, 8, 0x40);
    for (const auto& [offset, size] : std::vector<std::pair<u64, u32>>{{0x00, 1},
                                                                       {0x00, 2},
                                                                       {0x02, 2},
                                                                       {0x00, 8},
                                                                       {0x08, 1},
                                                                       {0x08, 2},
                                                                       {0x0a, 4},
                                                                       {0x0c, 8},
                                                                       {0x08, 3},
                                                                       {0x08, 0},
                                                                       {0x08, 16},
                                                                       {0x20, 2},
                                                                       {0x20, 8},
                                                                       {0xf0, 2}}) {
        EXPECT_FALSE(device.file.defined(offset, size)) << offset << " " << size;
        EXPECT_EQ(device.read(offset, size), 0u);
        device.write(offset, size, all);
    }
    EXPECT_EQ(device.read(0x08, 8), 0x47u);
    EXPECT_EQ(device.read(0x20, 4), 0u);
    EXPECT_TRUE(device.written.empty());
}

TEST(RegisterFile, ReservedOffsetsReadZeroAndAreIgnored) {
    Device device;
    for (const u64 offset : {0x1c, 0x30, 0x3c, 0x50, 0x5c, 0xc0, 0xec, 0xf4, 0x1000}) {
        EXPECT_FALSE(device.file.defined(offset, 4)) << offset;
        EXPECT_EQ(device.read(offset, 4), 0u);
        device.write(offset, 4, all);
    }
    Device fresh;
    for (u64 offset = 0; offset < 0x100; offset += 4) EXPECT_EQ(device.read(offset, 4), fresh.read(offset, 4));
}

TEST(RegisterFile, HandlerSeesTheWholeRegisterInsteadOfAStore) {
    Device device;
    device.write(0x04, 4, 0xabcd);
    ASSERT_EQ(device.written.size(), 1u);
    EXPECT_EQ(device.written[0], (std::pair<u32, u64>{0, 0xcd}));
    EXPECT_EQ(device.read(0x04, 4), 0u) << "storing is the handler's business";
    device.file.value<"CONTROL">() = 0x42;
    EXPECT_EQ(device.read(0x04, 4), 0x42u);
}

TEST(RegisterFile, RegisterThatActsByOnesSeesOnlyWhatIsWritten) {
    Device device;
    device.write(0xe0, 4, 0x1ff);
    device.write(0xe4, 4, 0x12345);
    ASSERT_EQ(device.written.size(), 2u);
    EXPECT_EQ(device.written[0].second, 0xffu) << "not what a read shows";
    EXPECT_EQ(device.written[1].second, 0x2345'0000'0000u);
    EXPECT_EQ(device.read(0xe0, 8), 0x5000u);
}

TEST(RegisterFile, ComputedRegisterKnowsItsIndex) {
    Device device;
    EXPECT_EQ(device.read(0x10, 4), 0x5000u);
    EXPECT_EQ(device.read(0x18, 4), 0x5002u);
    bool found = false;
    EXPECT_EQ(device.file.read_named(device, "STATUS", found), 0x5000u);
    EXPECT_TRUE(found);
    device.file.read_named(device, "STATUES", found);
    EXPECT_FALSE(found);
}

TEST(RegisterFile, BytesOfAByteAccessibleRegister) {
    Device device;
    device.write(0x25, 1, 0xff);
    EXPECT_EQ(device.read(0x24, 4), 0x0000'f800u);
    EXPECT_EQ(device.read(0x25, 1), 0xf8u);
    device.write(0x24, 4, 0x1020'3040);
    EXPECT_EQ(device.read(0x27, 1), 0x10u);
    EXPECT_EQ((device.file.value<"PRIORITY">(1)), 0x1020'3040u);
}

TEST(RegisterFile, ByteWideRegister) {
    Device device;
    device.write(0xf0, 1, 0x1ff);
    EXPECT_EQ(device.read(0xf0, 1), 0xffu);
    EXPECT_EQ(device.read(0xf0, 4), 0u);
}

TEST(RegisterFile, InterleavedArraysKeepTheirElementsApart) {
    Device device;
    for (u32 index = 0; index < 4; ++index) {
        device.write(0x40 + 32 * index, 8, 0x1'0000'0000u + index);
        device.write(0x48 + 32 * index, 4, 0x100 + index);
    }
    for (u32 index = 0; index < 4; ++index) {
        EXPECT_EQ(device.read(0x40 + 32 * index, 8), 0x1'0000'0000u + index);
        EXPECT_EQ(device.read(0x44 + 32 * index, 4), 1u);
        EXPECT_EQ(device.read(0x48 + 32 * index, 4), 0x100u + index);
        EXPECT_EQ(device.read(0x4c + 32 * index, 4), 9u);
        EXPECT_FALSE(device.file.defined(0x50 + 32 * index, 4));
    }
}

TEST(RegisterFile, ResetRestoresEveryRow) {
    Device device;
    device.write(0x08, 8, 0xfff0);
    device.write(0xa0, 8, 5);
    device.file.reset();
    EXPECT_EQ(device.read(0x08, 8), 7u);
    EXPECT_EQ(device.read(0xa0, 8), 0u);
}

}  // namespace
}  // namespace smmusim::sim
