// Promises of layouts: fields lie where the manual says.
#include "sim/bits.hpp"

#include <gtest/gtest.h>

namespace smmusim::sim {
namespace {

struct Sample : Record<4> {
    enum class Mode : u64 { Off = 0, On = 0b101 };
    static constexpr Bit Valid{0};
    static constexpr Bits<3, 1, Mode> Kind{};
    static constexpr Addr<55, 6> Pointer{};
    static constexpr Bits<63, 59> Top{};
    static constexpr Bit Far{200};
    static constexpr Bits<127, 64> Whole{};
    static constexpr Bits<143, 128> Identifier{};
    static constexpr Addr<243, 196> Table{};
    static constexpr Addr<179, 148, 12> Page{};
};

TEST(Bits, MasksAndSlicesIncludeTheFullWidth) {
    EXPECT_EQ(low_mask(0), 0u);
    EXPECT_EQ(low_mask(12), 0xfffu);
    EXPECT_EQ(low_mask(64), ~u64{0});
    EXPECT_EQ(bits_of(0x123456789abcdef0, 63, 0), 0x123456789abcdef0u);
    EXPECT_EQ(bits_of(0x123456789abcdef0, 15, 8), 0xdeu);
    EXPECT_EQ(with_bits(~u64{0}, 15, 8, 0x1'23), 0xffffffffffff23ffu) << "surplus bits of the value are dropped";
    EXPECT_EQ(with_bits(5, 63, 0, 9), 9u);
    EXPECT_EQ(align_down(0x1fff, 0x1000), 0x1000u);
    EXPECT_EQ(align_up(0x1001, 0x1000), 0x2000u);
    EXPECT_EQ(align_up(0x1000, 0x1000), 0x1000u);
}

TEST(Record, FieldsLieAtTheBitsOfTheWholeStructure) {
    Sample sample;
    sample.set(Sample::Valid, true);
    sample.set(Sample::Kind, Sample::Mode::On);
    sample.set(Sample::Top, 0x1f);
    sample.set(Sample::Far, true);
    sample.set(Sample::Identifier, 0xbeef);
    EXPECT_EQ(sample.words[0], 0xf80000000000000bu);
    EXPECT_EQ(sample.words[1], 0u);
    EXPECT_EQ(sample.words[2], 0xbeefu);
    EXPECT_EQ(sample.words[3], u64{1} << 8);
    EXPECT_TRUE(sample[Sample::Valid]);
    EXPECT_EQ(sample[Sample::Kind], Sample::Mode::On);
    EXPECT_EQ(sample[Sample::Top], 0x1fu);
}

TEST(Record, SettingAFieldLeavesTheOthersAlone) {
    Sample sample;
    sample.words.fill(~u64{0});
    sample.set(Sample::Kind, Sample::Mode::Off);
    EXPECT_EQ(sample.words[0], ~u64{0b1110});
    sample.set(Sample::Whole, 0x0123456789abcdef);
    EXPECT_EQ(sample.words[1], 0x0123456789abcdefu);
    EXPECT_EQ(sample.words[2], ~u64{0});
}

TEST(Record, AddressReadsAsTheAddressAndLosesTheBitsThatAreNotStored) {
    Sample sample;
    sample.set(Sample::Pointer, 0x00ab'cdef'0123'4567);
    EXPECT_EQ(sample[Sample::Pointer], 0x00ab'cdef'0123'4540u);
    EXPECT_EQ(sample.words[0], 0x00ab'cdef'0123'4540u);
    sample.set(Sample::Table, 0x000f'0000'8000'0010);
    EXPECT_EQ(sample[Sample::Table], 0x000f'0000'8000'0010u);
    EXPECT_EQ(sample.words[3], 0x000f'0000'8000'0010u) << "bits [51:4] at 243:196";
    sample.set(Sample::Page, 0x1234'5fff);
    EXPECT_EQ(sample[Sample::Page], 0x1234'5000u) << "an address stored from bit 12 upwards";
    EXPECT_EQ(sample.words[2], u64{0x12345} << 20);
}

TEST(Record, NamedFieldReadsTheSameValue) {
    Sample sample;
    sample.set(Sample::Table, 0x8000'0010);
    sample.set(Sample::Identifier, 77);
    const NamedField table{"Table", Sample::Table};
    const NamedField identifier{"Identifier", Sample::Identifier};
    EXPECT_EQ(sample.value(table), 0x8000'0010u);
    EXPECT_EQ(sample.value(identifier), 77u);
    EXPECT_EQ(table.high, 243u);
}

TEST(Record, LiesInMemoryLittleEndianWordByWord) {
    Sample sample;
    sample.words = {0x0807060504030201, 0, 0, 0xff00000000000000};
    std::array<u8, Sample::bytes> memory{};
    sample.store(memory.data());
    EXPECT_EQ(memory[0], 1);
    EXPECT_EQ(memory[7], 8);
    EXPECT_EQ(memory[31], 0xff);
    Sample copy;
    copy.load(memory.data());
    EXPECT_EQ(copy, sample);
}

}  // namespace
}  // namespace smmusim::sim
