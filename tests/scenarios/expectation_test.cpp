#include "scenarios/engine/expectation.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "platform/config/source.hpp"
#include "scenarios/engine/golden.hpp"
#include "support/temporary_folder.hpp"

namespace smmusim::scenarios {
namespace {

using platform::config::ConfigError;
using platform::config::Node;
using platform::results::Event;
using platform::results::StatisticsTable;

struct Component {
    u64 misses = 7;
    u64 reads = 4;
    sim::Histogram latency;
    sim::Histogram none;
    std::string policy = "reserved-iova";
    double throughput = 12.5;

    StatisticsTable table() {
        StatisticsTable table;
        table.enter("smmu0");
        table.counter("tlb_miss", misses, "", "");
        table.counter("reads", reads, "", "");
        table.latency("latency_ns", latency, "");
        table.latency("never_ns", none, "");
        table.text("policy", policy, "");
        table.derived("throughput_gbps", throughput, "Gb/s", "");
        table.leave();
        return table;
    }
};

Node list_of(const std::string& yaml) {
    return platform::config::parse_yaml("expect:\n" + yaml, "s.yaml").find("expect")->value;
}

class ExpectationTest : public testing::Test {
protected:
    ExpectationTest() { component_.latency.add(1'500 * nanosecond); }
    /// One letter for each verdict: p or f.
    std::string letters(const std::string& yaml) {
        const StatisticsTable table = component_.table();
        std::string result;
        for (const Verdict& verdict : judge(read_expectations(list_of(yaml)), {table, events_})) {
            result += verdict.passed ? 'p' : 'f';
            last_ = verdict;
        }
        return result;
    }
    std::string error_of(const std::string& yaml) {
        try {
            read_expectations(list_of(yaml));
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no error";
    }
    Component component_;
    std::vector<Event> events_;
    Verdict last_;
};

TEST_F(ExpectationTest, EveryRelationHoldsExactlyWhereItShould) {
    for (const auto& [relation, below, equal, above] : {std::tuple{"eq", 'f', 'p', 'f'},
                                                        {"ne", 'p', 'f', 'p'},
                                                        {"le", 'p', 'p', 'f'},
                                                        {"lt", 'p', 'f', 'f'},
                                                        {"ge", 'f', 'p', 'p'},
                                                        {"gt", 'f', 'f', 'p'}}) {
        for (const auto& [misses, wanted] : {std::pair{6u, below}, {7u, equal}, {8u, above}}) {
            component_.misses = misses;
            EXPECT_EQ(letters(std::string("- {stat: smmu0.tlb_miss, ") + relation + ": 7}\n"), std::string(1, wanted))
                << relation << misses;
        }
    }
    EXPECT_EQ(letters("- {stat: smmu0.reads, ge: 1, le: 3}\n"), "pf");
}

TEST_F(ExpectationTest, TimesAreComparedInPicosecondsWhateverTheirUnit) {
    EXPECT_EQ(letters("- {stat: smmu0.latency_ns.p99, eq: 1500ns}\n- {stat: smmu0.latency_ns.max, le: 1.5us}\n"), "pp");
    EXPECT_EQ(letters("- {stat: smmu0.latency_ns.max, lt: 1500ns}\n"), "f");
    EXPECT_EQ(last_.actual, "1500ns");
    EXPECT_EQ(letters("- {stat: smmu0.latency_ns.mean, eq: 1500ns}\n"), "p");
}

TEST_F(ExpectationTest, ANumberWithoutUnitIsNoTime) {
    EXPECT_EQ(letters("- {stat: smmu0.latency_ns.max, le: 99999999}\n"), "f");
    EXPECT_EQ(letters("- {stat: smmu0.tlb_miss, le: 1s}\n"), "f");
}

TEST_F(ExpectationTest, RatesWordsAndSums) {
    EXPECT_EQ(letters("- {stat: smmu0.throughput_gbps, ge: 12.5Gb/s, lt: 12501Mb/s}\n"), "pp") << last_.actual;
    EXPECT_EQ(letters("- {stat: smmu0.policy, eq: reserved-iova}\n- {stat: smmu0.policy, eq: cookie}\n"), "pf");
    EXPECT_EQ(
        letters("- {stat: smmu0.tlb_miss, eq: smmu0.reads + 3}\n- {stat: smmu0.tlb_miss + smmu0.reads, eq: 11}\n"),
        "pp");
}

TEST_F(ExpectationTest, WhatHasNoValueFailsAndSaysWhy) {
    EXPECT_EQ(letters("- {stat: smmu0.never_ns.p99, le: 2us}\n"), "f");
    EXPECT_EQ(last_.actual, "no samples of smmu0.never_ns.p99");
    EXPECT_EQ(letters("- {stat: smmu0.tlb_mis, le: 2}\n"), "f");
    EXPECT_EQ(last_.actual, "no statistic 'smmu0.tlb_mis', nearest is 'smmu0.tlb_miss'");
    EXPECT_EQ(last_.where, "s.yaml:2:3");
}

TEST_F(ExpectationTest, EventsMustBeExactlyThose) {
    EXPECT_EQ(letters("- no_faults\n- events: []\n"), "pp");
    events_ = {{5, "smmu0", "F_TRANSLATION", {{"StreamID", 8}, {"RnW", 0}, {"S2", 1}}, {}}};
    EXPECT_EQ(letters("- no_faults\n"), "f");
    EXPECT_EQ(letters("- events: [{name: F_TRANSLATION, RnW: 0, S2: 1}]\n"), "p");
    EXPECT_EQ(letters("- events: [{name: F_TRANSLATION, source: smmu0, StreamID: 0x8}]\n"), "p");
    EXPECT_EQ(letters("- events: [{name: F_TRANSLATION, RnW: 1}]\n"), "f");
    EXPECT_EQ(letters("- events: [{name: F_TRANSLATION, IPA: 0}]\n"), "f") << "a field that the record lacks";
    EXPECT_EQ(letters("- events: [{name: F_PERMISSION}]\n"), "f");
    events_.push_back(events_[0]);
    EXPECT_EQ(letters("- events: [{name: F_TRANSLATION}]\n"), "f");
    EXPECT_EQ(letters("- events: [{}, {}]\n"), "p");
}

TEST_F(ExpectationTest, WhatIsComparedIsAStatistic) {
    EXPECT_EQ(error_of("- {stat: no_such, ne: foo}\n"),
              "s.yaml:2:10: 'no_such' is not the name of a statistic; write the whole name, such as smmu0.tlb_miss");
    EXPECT_EQ(error_of("- {stat: 5, eq: 5}\n"), "s.yaml:2:10: '5' names no statistic; write the name of one");
}

TEST_F(ExpectationTest, MistakesAreFoundBeforeTheRun) {
    EXPECT_EQ(error_of("- no_fault\n"),
              "s.yaml:2:3: there is no expectation 'no_fault'; did you mean 'no_faults'? (valid: no_faults, stat, "
              "events, golden)");
    EXPECT_EQ(error_of("- {stat: a.b, el: 3}\n").substr(0, 56),
              "s.yaml:2:15: there is no comparison 'el'; did you mean '");
    EXPECT_EQ(error_of("- {stat: a.b}\n"), "s.yaml:2:3: nothing is expected of a.b; add eq, ne, le, lt, ge or gt");
    EXPECT_NE(error_of("- {stat: a.b, eq: 1 +}\n"), "no error");
    EXPECT_NE(error_of("- {stat: a.b, eq: 1 - 2}\n"), "no error");
    EXPECT_NE(error_of("- {stat: a.b, eq: x + 2}\n"), "no error");
    EXPECT_NE(error_of("- {events: 3}\n"), "no error");
    EXPECT_NE(error_of("- events: [{name: F_TRANSLATON}]\n").find("did you mean 'F_TRANSLATION'"), std::string::npos);
    EXPECT_NE(error_of("- events: [{RnWW: 1}]\n").find("did you mean 'RnW'"), std::string::npos);
    EXPECT_NE(error_of("- {golden: absent.json}\n"), "no error");
    EXPECT_NE(error_of("- 5: 6\n"), "no error");
}

TEST_F(ExpectationTest, AGoldenFileMustBeReproducedExactlyAndCanBeRewritten) {
    const support::TemporaryFolder folder;
    const std::filesystem::path file = folder / "golden.json";
    const std::string expectation = "- {golden: " + file.string() + "}\n";
    std::ofstream(file) << "{\"smmu0.tlb_miss\": 7, \"smmu0.latency_ns.max\": 1500000}";
    EXPECT_EQ(letters(expectation), "p");
    component_.misses = 8;
    EXPECT_EQ(letters(expectation), "f");
    EXPECT_EQ(last_.actual, "smmu0.tlb_miss is 8, golden 7");
    update_golden(list_of(expectation).items()[0].find("golden")->value, component_.table());
    EXPECT_EQ(letters(expectation), "p");
    std::ofstream(file) << "{}";
    update_golden(list_of(expectation).items()[0].find("golden")->value, component_.table());
    component_.reads = 5;
    EXPECT_EQ(letters(expectation), "f");
}

}  // namespace
}  // namespace smmusim::scenarios
