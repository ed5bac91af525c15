#include "platform/config/loader.hpp"

#include <gtest/gtest.h>

#include "platform/config/parameters.hpp"
#include "platform/config/source.hpp"
#include "tests/platform/config/example_config.hpp"

namespace smmusim::platform::config {
namespace {

using test::MachineExample;

MachineExample loaded(const std::string& yaml, Origins* origins = nullptr) {
    MachineExample machine;
    load(machine, parse_yaml(yaml, "m.yaml"), "", origins);
    return machine;
}

/// The text of the error that loading produces.
std::string error_of(const std::string& yaml) {
    try {
        loaded(yaml);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Loader, EveryKindOfFieldIsFilled) {
    const MachineExample machine = loaded(
        "smmu0: {cache: {entries: 8, policy: random}, latency: 3ns}\n"
        "memory: 1GiB\nbase_address: 0x80000000\nclock: 2.5GHz\nrate: 10Gb/s\ncycles: 7cycles\nraw: 0b11\n"
        "coherent: false\nbacking: file:/tmp/x\nmaps: [a, b]\n");
    EXPECT_EQ(machine.smmus[0].cache.entries, 8u);
    EXPECT_EQ(machine.smmus[0].cache.policy, test::Policy::Random);
    EXPECT_EQ(machine.smmus[0].latency, 3 * nanosecond);
    EXPECT_EQ(machine.memory, GiB);
    EXPECT_EQ(machine.base, 0x80000000u);
    EXPECT_EQ(machine.clock, 2'500'000'000u);
    EXPECT_EQ(machine.rate, 10'000'000'000u);
    EXPECT_EQ(machine.cycles, 7u);
    EXPECT_EQ(machine.raw, 3u);
    EXPECT_FALSE(machine.coherent);
    EXPECT_EQ(machine.backing, "file:/tmp/x");
    EXPECT_EQ(machine.maps, (std::vector<std::string>{"a", "b"}));
}

TEST(Loader, WhatIsNotNamedKeepsItsDefault) {
    const MachineExample machine = loaded("smmu0: {cache: {entries: 8}}\n");
    EXPECT_EQ(machine.smmus[0].cache.policy, test::Policy::Lru);
    EXPECT_EQ(machine.memory, 2 * GiB);
}

TEST(Loader, AMisspeltKeyNamesTheFullPathThePlaceAndTheNearestName) {
    EXPECT_EQ(
        error_of("smmu0:\n  cache:\n    entires: 8\n"),
        "m.yaml:3:5: there is no parameter 'smmu0.cache.entires'; did you mean 'entries'? (valid: entries, policy)");
    EXPECT_NE(error_of("memroy: 1GiB\n").find("m.yaml:1:1: there is no parameter 'memroy'; did you mean 'memory'?"),
              std::string::npos);
}

TEST(Loader, AMissingUnitIsAnErrorAtTheNumber) {
    EXPECT_EQ(error_of("smmu0: {latency: 200}\n"),
              "m.yaml:1:18: smmu0.latency: '200' lacks its unit; write it like 200us (units: ps, ns, us, ms, s)");
}

TEST(Loader, WrongTypesRangesAndNamesAreErrors) {
    const auto expect = [](const std::string& yaml, const std::string& part) {
        EXPECT_NE(error_of(yaml).find(part), std::string::npos) << yaml << "-> " << error_of(yaml);
    };
    expect("coherent: yes\n", "m.yaml:1:11: coherent is 'yes'; write true or false");
    expect("coherent: [true]\n", "coherent is a list; give true or false");
    expect("smmu0: 5\n", "m.yaml:1:8: smmu0 is a single value, not a mapping");
    expect("smmu0: {cache: {entries: 1025}}\n", "smmu0.cache.entries is 1025; give a value from 0 to 1024");
    expect("smmu0: {cache: {entries: '8'}}\n", "is a text, not a number");
    expect("smmu0: {cache: {policy: lur}}\n", "smmu0.cache.policy cannot be 'lur'; did you mean 'lru'?");
    expect("raw: 256\n", "raw is 256; give a value from 0 to 0xff");
    expect("maps: a\n", "maps is a single value, not a list");
    expect("memory: 1KiB\n", "memory is 1KiB; give a value from 4KiB to 255GiB");
}

TEST(Loader, NamingTheNextIndexAddsOneAndAGapIsAnError) {
    EXPECT_EQ(loaded("smmu1: {}\nsmmu2:\n").smmus.size(), 3u);
    EXPECT_EQ(loaded("smmu0: {tbu1: {entries: 3}}\n").smmus[0].tbus[1].entries, 3u);
    EXPECT_EQ(error_of("smmu2: {}\n"), "m.yaml:1:1: there is no smmu2; the next one is smmu1");
}

TEST(Loader, ACountShortensOrLengthensAList) {
    EXPECT_TRUE(loaded("smmu_count: 0\n").smmus.empty());
    EXPECT_EQ(loaded("smmu_count: 3\nsmmu2: {latency: 1ns}\n").smmus[2].latency, nanosecond);
    EXPECT_EQ(error_of("smmu_count: 1\nsmmu1: {}\n"),
              "m.yaml:2:1: there is no smmu1; smmu_count says how many there are");
}

TEST(Loader, DottedKeysMeanTheSameAsNestedOnes) {
    EXPECT_EQ(loaded("smmu0.cache.entries: 9\nsmmu0: {latency: 1ns}\n").smmus[0].cache.entries, 9u);
    EXPECT_EQ(error_of("smmu0.cache.entries: 9\nsmmu0: {cache: {entries: 8}}\n"),
              "m.yaml:2:17: 'entries' is given twice; remove one; the first is at m.yaml:1:1");
}

TEST(Loader, SettingsAllowBareNumbersAndReplaceEarlierOnes) {
    Node tree = parse_yaml("smmu0: {latency: 5us}\n", "m.yaml");
    add_setting(tree, "smmu0.latency=7");
    add_setting(tree, "smmu0.latency=9");
    add_setting(tree, "maps=[x, y]");
    MachineExample machine;
    Origins origins;
    load(machine, tree, "", &origins);
    EXPECT_EQ(machine.smmus[0].latency, 9u);
    EXPECT_EQ(machine.maps, (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(origins.exact("smmu0.latency")->text(), "--set smmu0.latency=9");
    EXPECT_THROW(add_setting(tree, "smmu0.latency"), ConfigError);
}

TEST(Resolved, EveryValueSaysWhereItCameFrom) {
    Origins origins;
    MachineExample machine = loaded("smmu0:\n  cache: {entries: 8}\n", &origins);
    const auto document = resolved(parameters(machine), origins);
    EXPECT_EQ(document["smmu0.cache.entries"]["plain"], 8);
    EXPECT_EQ(document["smmu0.cache.entries"]["origin"], "m.yaml:2:20");
    EXPECT_EQ(document["smmu0.latency"]["origin"], "default (manual: IHI 0070, 3.1)");
    EXPECT_EQ(document["memory"]["value"], "2GiB");
}

TEST(Resolved, ItsTextsLoadToTheSameConfiguration) {
    MachineExample machine =
        loaded("smmu1: {latency: 1500ps, tbu1: {policy: random}}\nmemory: 12KiB\nraw: 200\nclock: 3Hz\nmaps: [q]\n");
    Node tree;
    for (const Parameter& parameter : parameters(machine)) add_setting(tree, parameter.path, parameter.value, "again");
    MachineExample again;
    load(again, tree);
    const auto first = parameters(machine), second = parameters(again);
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t index = 0; index < first.size(); ++index) {
        EXPECT_EQ(first[index].path, second[index].path);
        EXPECT_EQ(first[index].plain, second[index].plain);
    }
}

}  // namespace
}  // namespace smmusim::platform::config
