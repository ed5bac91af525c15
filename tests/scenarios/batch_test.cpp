#include "scenarios/engine/batch.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "scenarios/engine/report.hpp"

namespace smmusim::scenarios {
namespace {

Outcome run(const std::filesystem::path& file) {
    const std::string name = file.string();
    if (name == "crash") raise(SIGKILL);
    if (name == "throw") throw std::runtime_error("thrown");
    if (name == "hang") {
        alarm(1);
        for (;;) pause();
    }
    if (name == "slow") usleep(200'000);
    Outcome outcome;
    outcome.file = outcome.name = name;
    outcome.ending = name == "fail" ? Ending::Failed : Ending::Passed;
    outcome.verdicts = {{"a < 3 & \"b\"", "f:1:2", name != "fail", "7"}};
    outcome.digest = "0123";
    outcome.simulated_ps = ~u64{0};
    outcome.error = name == "big" ? std::string(300'000, 'x') : "";
    return outcome;
}

std::vector<Outcome> execute(const std::vector<std::filesystem::path>& files, unsigned jobs,
                             std::string* order = nullptr) {
    return Batch(run).execute(files, jobs, [&](const Outcome& outcome) {
        if (order != nullptr) *order += outcome.name + " ";
    });
}

TEST(Batch, OutcomesComeBackWholeFromTheirProcesses) {
    const std::vector<Outcome> outcomes = execute({"good", "fail", "big"}, 1);
    EXPECT_EQ(outcomes[0].ending, Ending::Passed);
    EXPECT_EQ(outcomes[0].simulated_ps, ~u64{0});
    EXPECT_EQ(outcomes[1].ending, Ending::Failed);
    EXPECT_EQ(outcomes[1].verdicts[0].where, "f:1:2");
    EXPECT_EQ(outcomes[2].error.size(), 300'000u);
}

TEST(Batch, ReportsInTheOrderOfTheFilesWhateverTheNumberOfJobs) {
    for (const unsigned jobs : {1u, 2u, 8u}) {
        std::string order;
        execute({"slow", "a", "b", "fail"}, jobs, &order);
        EXPECT_EQ(order, "slow a b fail ");
    }
}

TEST(Batch, ACrashOrAHangIsTheResultOfThatScenarioOnly) {
    const std::vector<Outcome> outcomes = execute({"crash", "throw", "hang", "good"}, 2);
    EXPECT_EQ(outcomes[0].ending, Ending::Internal);
    EXPECT_NE(outcomes[0].error.find("Killed"), std::string::npos);
    EXPECT_EQ(outcomes[1].ending, Ending::Internal);
    EXPECT_EQ(outcomes[1].error, "thrown");
    EXPECT_EQ(outcomes[2].ending, Ending::WallLimit);
    EXPECT_EQ(outcomes[3].ending, Ending::Passed);
}

TEST(Ending, TheWorstOfABatchIsItsStatus) {
    EXPECT_EQ(worse(Ending::Passed, Ending::Passed), Ending::Passed);
    EXPECT_EQ(worse(Ending::Passed, Ending::Failed), Ending::Failed);
    EXPECT_EQ(worse(Ending::BadInput, Ending::Failed), Ending::BadInput);
    EXPECT_EQ(worse(Ending::BadInput, Ending::WallLimit), Ending::WallLimit);
    EXPECT_EQ(worse(Ending::Internal, Ending::WallLimit), Ending::Internal);
}

TEST(Report, JUnitEscapesAndCountsFailures) {
    const std::vector<Outcome> outcomes = execute({"good", "fail"}, 1);
    const std::string xml = junit_xml(outcomes);
    EXPECT_NE(xml.find("name=\"a &lt; 3 &amp; &quot;b&quot;\""), std::string::npos);
    EXPECT_NE(xml.find("<testsuite name=\"good\" tests=\"2\" failures=\"0\" errors=\"0\""), std::string::npos);
    EXPECT_NE(xml.find("<testsuite name=\"fail\" tests=\"2\" failures=\"1\" errors=\"0\""), std::string::npos);
}

TEST(Report, ColourAppearsOnlyWhenAsked) {
    const std::vector<Outcome> outcomes = execute({"good", "fail"}, 1);
    EXPECT_EQ(outcome_text(outcomes[1], Detail::All, false).find('\x1b'), std::string::npos);
    EXPECT_NE(outcome_text(outcomes[1], Detail::All, true).find('\x1b'), std::string::npos);
    EXPECT_NE(outcome_text(outcomes[1], Detail::Failures, false).find("FAIL f:1:2: expected a < 3"), std::string::npos);
    EXPECT_EQ(outcome_text(outcomes[0], Detail::Failures, false).find("a < 3"), std::string::npos);
}

}  // namespace
}  // namespace smmusim::scenarios
