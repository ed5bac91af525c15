#include "scenarios/engine/scenario.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "memory/storage.hpp"
#include "platform/config/source.hpp"
#include "platform/platform.hpp"
#include "scenarios/engine/memory_image.hpp"
#include "scenarios/engine/pattern.hpp"
#include "scenarios/engine/runner.hpp"
#include "support/temporary_folder.hpp"

namespace smmusim::scenarios {
namespace {

namespace fs = std::filesystem;
using platform::config::ConfigError;

class ScenarioTest : public testing::Test {
protected:
    fs::path write(const std::string& text, const std::string& name = "s.yaml") {
        fs::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << text;
        return folder_ / name;
    }
    std::string error_of(const std::string& text, const Overrides& overrides = {}) {
        try {
            load_scenario(write(text), overrides);
        } catch (const ConfigError& error) {
            const std::string what = error.what(), prefix = folder_.path().string() + "/";
            return what.starts_with(prefix) ? what.substr(prefix.size()) : what;
        }
        return "no error";
    }
    support::TemporaryFolder folder_;
};

const std::string small = "name: small\nrun: {steps: [boot]}\n";

TEST_F(ScenarioTest, LayersLieOnTopOfEachOtherPresetPlatformDevicesSettings) {
    write("endpoint0: {tags: 1, mps: 128B, mrrs: 128B}\nmemory: {size: 1GiB}\n", "below.yaml");
    const fs::path file = write(
        small + "platform: {base: below.yaml, endpoint0: {tags: 2, mps: 256B}}\ndevices: [{name: nic, tags: 3}]\n");
    const Scenario scenario = load_scenario(file, {{"endpoint0.tags=4"}, {}});
    const platform::config::Node& endpoint = scenario.platform_tree.find("endpoint0")->value;
    EXPECT_EQ(endpoint.find("tags")->value.text(), "4");
    EXPECT_EQ(endpoint.find("mps")->value.text(), "256B");
    EXPECT_EQ(endpoint.find("mrrs")->value.text(), "128B");
    EXPECT_EQ(scenario.devices, std::vector<std::string>{"nic"});
    EXPECT_EQ(load_scenario(file, {}).platform_tree.find("endpoint0")->value.find("tags")->value.text(), "3");
}

TEST_F(ScenarioTest, ASettingNamesASectionOrAPlatformParameter) {
    const Scenario scenario =
        load_scenario(write(small), {{"seed=5", "run.wall_limit=7s", "software.x=1", "memory.size=1GiB"}, {}});
    EXPECT_EQ(scenario.seed, 5u);
    EXPECT_EQ(scenario.run.wall_limit, 7 * second);
    EXPECT_EQ(scenario.software_tree.find("x")->value.text(), "1");
    EXPECT_NE(scenario.platform_tree.find("memory"), nullptr);
    EXPECT_EQ(load_scenario(write(small), {{"seed=5"}, 6}).seed, 6u) << "--seed is the last word";
    EXPECT_EQ(error_of(small, {{"expect=1"}, {}}),
              "--set expect=1: 'expect' is a list that cannot be set; edit the file");
}

TEST_F(ScenarioTest, MistakesOutsideTheMachineHaveAPlaceToo) {
    EXPECT_EQ(error_of("run: {steps: [boot]}\n"), "s.yaml:1:1: the scenario has no name; add `name:`");
    EXPECT_EQ(error_of("name: x\n"), "s.yaml:1:1: the scenario has no `run:`; add `run: {steps: [...]}`");
    EXPECT_EQ(error_of("name: x\nrun: {}\n"), "s.yaml:2:6: run has no steps; add `steps:`");
    EXPECT_EQ(error_of("name: x\nrun: {steps: [boot], warp: 1}\n").substr(0, 52),
              "s.yaml:2:22: there is no parameter 'run.warp'; did y");
    EXPECT_EQ(error_of("name: x\nrun: {steps: [{boot: {}, wait: {}}]}\n"),
              "s.yaml:2:15: a step is its name, or one `name: {parameters}`; begin each step with `- `");
    EXPECT_EQ(error_of("name: x\nrun: {steps: [wait: {duration: 5}]}\n").substr(0, 62),
              "s.yaml:2:32: run.steps[0].wait.duration: '5' lacks its unit; w");
    EXPECT_EQ(error_of(small + "devices: [{tags: 3}]\n"), "s.yaml:3:11: the device has no name; add `name: nic`");
    EXPECT_EQ(error_of(small + "devices: [{name: a}, {name: a}]\n"),
              "s.yaml:3:29: there is a device 'a' already; choose another name");
    EXPECT_EQ(error_of(small + "seed: many\n").substr(0, 22), "s.yaml:3:7: seed: 'man");
}

TEST_F(ScenarioTest, AFolderStandsForItsScenariosByName) {
    write(small, "f/b.yaml");
    write(small, "f/a.yaml");
    write(small, "f/deeper/c.yaml");
    write("x", "f/readme.md");
    const std::vector<fs::path> files = scenario_files(folder_ / "f");
    EXPECT_EQ(files, (std::vector<fs::path>{folder_ / "f/a.yaml", folder_ / "f/b.yaml", folder_ / "f/deeper/c.yaml"}));
    fs::create_directories(folder_ / "empty");
    EXPECT_THROW(scenario_files(folder_ / "empty"), ConfigError);
    EXPECT_THROW(scenario_files(folder_ / "absent"), ConfigError);
}

TEST_F(ScenarioTest, AStepThatCannotFinishFailsAndSaysWhoWaitsForWhat) {
    const fs::path file = write(
        "name: stuck\nplatform: {base: presets/virt.yaml}\ndevices: [{name: nic}]\n"
        "run: {steps: [boot, bus_master: {device: nic}, enable_msix: {device: nic, vectors: 2}, bus_master: {device: "
        "nic, on: false}, "
        "raise: {device: nic, vector: 1}]}\n");
    RunOptions options;
    options.out = (folder_ / "out").string();
    const Outcome outcome = run_scenario(file, options);
    EXPECT_EQ(outcome.ending, Ending::Failed);
    EXPECT_NE(outcome.error.find("raise cannot finish"), std::string::npos) << outcome.error;
    EXPECT_NE(outcome.error.find("a handler of nic vector 1"), std::string::npos) << outcome.error;
}

TEST_F(ScenarioTest, OtherSimulationsInTheProcessDoNotShow) {
    const fs::path file = platform::config::source_root() / "scenarios/kvm-msi-passthrough.yaml";
    RunOptions options;
    options.out = (folder_ / "out").string();
    const Outcome alone = run_scenario(file, options);
    EXPECT_EQ(alone.ending, Ending::Passed) << alone.error;
    platform::Platform one{platform::PlatformConfig{}}, other{platform::PlatformConfig{}};
    one.run(5 * microsecond);
    const Outcome accompanied = run_scenario(file, options);
    other.run(7 * microsecond);
    EXPECT_EQ(alone.digest, accompanied.digest);
    EXPECT_FALSE(alone.digest.empty());
}

TEST(Pattern, EveryDoublewordOfEveryPassIsDifferent) {
    std::set<std::vector<u8>> seen;
    for (u64 pass = 0; pass < 8; ++pass)
        for (u64 address = 0x4000'0000; address < 0x4000'4000; address += 8)
            seen.insert(Pattern(pass).bytes(address, 8));
    EXPECT_EQ(seen.size(), 8u * 0x4000 / 8);
    std::vector<u8> bytes = Pattern(3).bytes(0x1003, 100);
    EXPECT_EQ(Pattern(3).differences(0x1003, bytes), 0u);
    ++bytes[50];
    EXPECT_EQ(Pattern(3).differences(0x1003, bytes), 1u);
}

TEST(Sequence, StaysBelowItsBoundAndRepeatsWithItsSeed) {
    Sequence one(7), same(7), other(8);
    bool different = false;
    for (int count = 0; count < 1000; ++count) {
        const u64 value = one.below(10);
        EXPECT_LT(value, 10u);
        EXPECT_EQ(value, same.below(10));
        different |= value != other.below(10);
    }
    EXPECT_TRUE(different);
}

TEST(MemoryImage, NamesThePagesThatChangedAndIgnoresWhatIsLeftOut) {
    memory::Storage memory(memory::Backing::parse("anonymous"), 0x4000'0000, 16 * MiB);
    *memory.at(0x4000'1000) = 1;
    const std::vector<Range> excluded{{0x4080'0800, 0x1000}};
    const MemoryImage before(memory, excluded);
    *memory.at(0x4080'0800) = 7;
    *memory.at(0x4080'17FF) = 7;
    EXPECT_TRUE(before.differences(MemoryImage(memory, excluded)).empty());
    EXPECT_EQ(before.hash(), MemoryImage(memory, excluded).hash());
    *memory.at(0x4080'1800) = 7;
    *memory.at(0x4000'1000) = 0;
    *memory.at(0x4020'0000) = 9;
    EXPECT_EQ(before.differences(MemoryImage(memory, excluded)),
              (std::vector<u64>{0x4000'1000, 0x4020'0000, 0x4080'1000}));
    EXPECT_NE(before.hash(), MemoryImage(memory, excluded).hash());
}

}  // namespace
}  // namespace smmusim::scenarios
