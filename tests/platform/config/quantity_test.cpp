#include "platform/config/quantity.hpp"

#include <gtest/gtest.h>

namespace smmusim::platform::config {
namespace {

using sim::Unit;

TEST(Quantity, EveryUnitIsReadExactly) {
    EXPECT_EQ(parse_quantity("200us", Unit::Time, Bare::Rejected), 200 * microsecond);
    EXPECT_EQ(parse_quantity("1.5 ns", Unit::Time, Bare::Rejected), 1500u);
    EXPECT_EQ(parse_quantity("0ps", Unit::Time, Bare::Rejected), 0u);
    EXPECT_EQ(parse_quantity("4KiB", Unit::Bytes, Bare::Rejected), 4096u);
    EXPECT_EQ(parse_quantity("255GiB", Unit::Bytes, Bare::Rejected), 255 * GiB);
    EXPECT_EQ(parse_quantity("100Gb/s", Unit::BitsPerSecond, Bare::Rejected), 100'000'000'000u);
    EXPECT_EQ(parse_quantity("2.5GHz", Unit::Hertz, Bare::Rejected), 2'500'000'000u);
    EXPECT_EQ(parse_quantity("4cycles", Unit::Cycles, Bare::Rejected), 4u);
    EXPECT_EQ(parse_quantity("0x08080000", Unit::Address, Bare::Rejected), 0x08080000u);
    EXPECT_EQ(parse_quantity("1GiB", Unit::Address, Bare::Rejected), GiB);
    EXPECT_EQ(parse_quantity("0b101", Unit::Raw, Bare::Rejected), 5u);
    EXPECT_EQ(parse_quantity("18446744073709551615", Unit::Count, Bare::Rejected), ~u64{0});
}

TEST(Quantity, BareNumbersAreBaseUnitsOnlyWhereTheyAreAllowed) {
    for (const Unit unit : {Unit::Time, Unit::Bytes, Unit::Hertz, Unit::BitsPerSecond, Unit::Cycles}) {
        EXPECT_THROW(parse_quantity("200", unit, Bare::Rejected), QuantityError);
        EXPECT_EQ(parse_quantity("200", unit, Bare::Allowed), 200u);
    }
    EXPECT_EQ(parse_quantity("200", Unit::Count, Bare::Rejected), 200u);
}

TEST(Quantity, AnythingElseIsRejected) {
    const auto rejects = [](const char* text, Unit unit) {
        EXPECT_THROW(parse_quantity(text, unit, Bare::Allowed), QuantityError) << text;
    };
    for (const char* text : {"", "-1ns", "ns", "1.ns", ".5ns", "1.2.3ns", "0.5ps", "1KiB", "1 n s", "1ns ", "abc",
                             "1e3ns", "0x", "30000000s"})
        rejects(text, Unit::Time);
    for (const char* text : {"4KB", "4kib", "4K"}) rejects(text, Unit::Bytes);
    for (const char* text : {"1.5", "12cycles", "18446744073709551616", "0xg", "-1"}) rejects(text, Unit::Count);
}

TEST(Quantity, WhatIsWrittenIsReadBack) {
    for (const Unit unit : {Unit::Time, Unit::Bytes, Unit::Hertz, Unit::BitsPerSecond, Unit::Cycles, Unit::Address,
                            Unit::Raw, Unit::Count})
        for (const u64 value :
             {u64{0}, u64{1}, u64{9}, u64{10}, u64{1000}, u64{1024}, u64{1500}, 3 * GiB, 7 * second, ~u64{0}})
            EXPECT_EQ(parse_quantity(format_quantity(value, unit), unit, Bare::Rejected), value)
                << format_quantity(value, unit);
    EXPECT_EQ(format_quantity(200 * microsecond, Unit::Time), "200us");
    EXPECT_EQ(format_quantity(4096, Unit::Bytes), "4KiB");
}

}  // namespace
}  // namespace smmusim::platform::config
