#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "platform/results/digest.hpp"
#include "platform/results/files.hpp"
#include "platform/results/statistics_table.hpp"
#include "support/temporary_folder.hpp"

namespace smmusim::platform::results {
namespace {

struct Component {
    u64 misses = 3;
    u64 mapped = 2;
    sim::Histogram latency;
    sim::Histogram reads;
    std::string policy = "reserved-iova";

    void statistics(sim::StatisticsVisitor& visit) {
        visit.enter("smmu0");
        visit.counter("tlb_miss", misses, "", "misses");
        visit.gauge("mapped", mapped, "", "mapped now");
        visit.derived("rate", 0.5, "Gb/s", "a rate");
        visit.text("policy", policy, "a name");
        visit.enter("walk");
        visit.latency("latency_ns", latency, "walk latency");
        visit.distribution("reads", reads, "", "descriptor reads");
        visit.leave();
        visit.leave();
    }
};

StatisticsTable table_of(Component& component) {
    StatisticsTable table;
    component.statistics(table);
    return table;
}

TEST(StatisticsTable, NamesAreFullPathsAndIntegersExact) {
    Component component;
    component.misses = ~u64{0};
    component.latency.add(1'500);
    component.reads.add(24);
    const StatisticsTable table = table_of(component);
    EXPECT_EQ(table.find("smmu0.tlb_miss")->json(), ~u64{0});
    EXPECT_EQ(table.find("smmu0.walk.latency_ns.p99")->json(), 1.5);
    EXPECT_EQ(table.find("smmu0.walk.latency_ns.p99")->integer, 1'500u);
    EXPECT_EQ(table.find("smmu0.walk.reads.min")->json(), 24);
    EXPECT_EQ(table.find("smmu0.policy")->json(), "reserved-iova");
    EXPECT_EQ(table.find("tlb_miss"), nullptr);
    EXPECT_EQ(table.json()["smmu0.walk.latency_ns.mean"]["unit"], "ns");
}

TEST(StatisticsTable, APercentileOfNothingIsAbsent) {
    Component component;
    const StatisticsTable table = table_of(component);
    EXPECT_TRUE(table.find("smmu0.walk.latency_ns.p99")->json().is_null());
    EXPECT_EQ(table.find("smmu0.walk.latency_ns.count")->json(), 0);
}

TEST(StatisticsTable, TheTextIsMadeFromTheJson) {
    Component component;
    const StatisticsTable table = table_of(component);
    const std::string text = StatisticsTable::text(table.json());
    EXPECT_NE(text.find("smmu0.tlb_miss "), std::string::npos);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), static_cast<long>(table.all().size()));
}

TEST(StatisticsReset, CountersAndHistogramsStartAnewWhatExistsNowStays) {
    Component component;
    component.latency.add(10);
    StatisticsReset reset;
    component.statistics(reset);
    EXPECT_EQ(component.misses, 0u);
    EXPECT_EQ(component.mapped, 2u);
    EXPECT_EQ(component.latency.count(), 0u);
}

TEST(Digest, IsTheSameEverywhere) {
    Digest digest;
    digest.add(u64{0x0123456789abcdef});
    digest.add(std::string_view("smmu0.tlb_miss"));
    EXPECT_EQ(digest_text(digest.value()), "05761165465f0eca");
}

TEST(Digest, SeesEveryIntegerAndEveryEventButNoMeanOrPercentile) {
    Component component;
    component.latency.add(100'000);
    component.latency.add(100'001);
    Event event{5, "smmu0", "F_TRANSLATION", {{"StreamID", 8}}, {0x10}};
    const u64 before = digest_of(table_of(component), {&event, 1});
    const auto differs = [&](auto change) {
        Component other = component;
        Event changed = event;
        change(other, changed);
        return digest_of(table_of(other), {&changed, 1}) != before;
    };
    EXPECT_FALSE(differs([](Component&, Event&) {}));
    EXPECT_TRUE(differs([](Component& other, Event&) { ++other.misses; }));
    EXPECT_TRUE(differs([](Component& other, Event&) { ++other.mapped; }));
    EXPECT_TRUE(differs([](Component& other, Event&) { other.latency.add(7); }));
    EXPECT_TRUE(differs([](Component&, Event& changed) { ++changed.at; }));
    EXPECT_TRUE(differs([](Component&, Event& changed) { changed.fields[0].second = 9; }));
    EXPECT_TRUE(differs([](Component&, Event& changed) { changed.record[0] = 0x11; }));
    EXPECT_FALSE(differs([](Component& other, Event&) { other.policy = "x"; }));
}

TEST(Events, TheTableHasAColumnForEachFieldThatOccurs) {
    const std::vector<Event> events{{1, "smmu0", "F_TRANSLATION", {{"StreamID", 8}, {"S2", 1}}, {}},
                                    {2, "its0", "MAPD, late", {{"code", 0x10801}}, {}}};
    EXPECT_EQ(events_csv(events),
              "time_ps,source,name,StreamID,S2,code\n"
              "1,smmu0,F_TRANSLATION,0x8,0x1,\n"
              "2,its0,\"MAPD, late\",,,0x10801\n");
    EXPECT_EQ(events[0].field("S2"), 1u);
    EXPECT_EQ(events[0].field("IPA"), 0u);
}

TEST(Occupancy, TheTableHasALineForEachWindow) {
    const std::vector<sim::SlotHistory> histories{{"smmu0.tcu.walk_slots", {{0, 4000, 3000, 2}, {4000, 5000, 0, 1}}}};
    EXPECT_EQ(occupancy_csv(histories),
              "source,start_ps,end_ps,mean,peak\n"
              "smmu0.tcu.walk_slots,0,4000,0.75,2\n"
              "smmu0.tcu.walk_slots,4000,5000,0,1\n");
}

TEST(TextTrace, WritesOnlyWhatIsAskedForWithExactTimes) {
    const support::TemporaryFolder folder;
    const std::filesystem::path file = folder / "text_trace/trace.txt";
    {
        TextTrace trace(file);
        trace.enable(sim::Trace::Kind::Command);
        EXPECT_TRUE(trace.wants(sim::Trace::Kind::Command));
        EXPECT_FALSE(trace.wants(sim::Trace::Kind::Mmio));
        trace.line(sim::Trace::Kind::Command, 1 * second + 12 * microsecond + 345, "smmu0", "CMD_SYNC");
    }
    std::stringstream content;
    content << std::ifstream(file).rdbuf();
    EXPECT_EQ(content.str(), "[    1.000012.000345] smmu0: cmd: CMD_SYNC\n");
}

TEST(Files, AWholeFileReplacesTheOldOne) {
    const support::TemporaryFolder folder;
    const std::filesystem::path file = folder / "whole_file/a.json";
    write_file(file, "old and long");
    write_json(file, {{"a", 1}});
    std::stringstream content;
    content << std::ifstream(file).rdbuf();
    EXPECT_EQ(content.str(), "{\n  \"a\": 1\n}\n");
    EXPECT_FALSE(std::filesystem::exists(file.string() + ".new"));
}

}  // namespace
}  // namespace smmusim::platform::results
