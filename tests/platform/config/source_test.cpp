#include "platform/config/source.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "platform/config/loader.hpp"
#include "platform/config/nearest.hpp"
#include "platform/config/schema.hpp"
#include "support/temporary_folder.hpp"
#include "tests/platform/config/example_config.hpp"

namespace smmusim::platform::config {
namespace {

namespace fs = std::filesystem;

class Source : public testing::Test {
protected:
    fs::path file(const std::string& name, const std::string& content) {
        fs::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name, std::ios::binary) << content;
        return folder_ / name;
    }
    std::string error_of(const fs::path& path) {
        try {
            Node tree = load_yaml(path);
            resolve_base(tree);
        } catch (const ConfigError& error) {
            return std::string(error.what()).substr(folder_.path().string().size() + 1);
        }
        return "no error";
    }
    support::TemporaryFolder folder_;
};

TEST_F(Source, FilesThatAreNoYamlAreNamedWithTheirCause) {
    EXPECT_EQ(error_of(folder_ / "absent.yaml"), "absent.yaml: there is no such file; check the path");
    EXPECT_EQ(error_of(file("empty.yaml", "")), "empty.yaml:1:1: the file is empty; write `name: value` lines");
    EXPECT_EQ(error_of(file("comment.yaml", "# nothing\n")),
              "comment.yaml:1:1: the file is empty; write `name: value` lines");
    EXPECT_EQ(error_of(file("binary.yaml", std::string("a: 1\nb\0c", 8))),
              "binary.yaml:2:2: this is not a text file; give a YAML file in UTF-8");
    EXPECT_EQ(error_of(file("latin.yaml", "a: \xe9t\xe9\n")),
              "latin.yaml:1:4: this is not a text file; give a YAML file in UTF-8");
    EXPECT_EQ(error_of(file("word.yaml", "hello\n")),
              "word.yaml:1:1: the file is a single value, not a mapping; write `name: value` lines");
    EXPECT_EQ(error_of(file("two.yaml", "a: 1\n---\nb: 2\n")).substr(0, 9), "two.yaml:");
    EXPECT_EQ(error_of(file("broken.yaml", "a: [1\nb: 2\n")).substr(0, 14), "broken.yaml:2:");
    EXPECT_EQ(
        error_of(file("twice.yaml", "a: 1\na: 2\n")),
        "twice.yaml:2:1: 'a' is given twice; remove one; the first is at " + (folder_ / "twice.yaml:1:1").string());
    fs::create_directories(folder_ / "folder.yaml");
    EXPECT_EQ(error_of(folder_ / "folder.yaml"), "folder.yaml: this is a folder; name a file in it");
}

TEST_F(Source, HostileNestingAndAliasesAreErrorsNotCrashes) {
    EXPECT_NE(error_of(file("deep.yaml", "a: " + std::string(100'000, '['))), "no error");
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n";
    for (int level = 1; level < 9; ++level) {
        const std::string below = "*a" + std::to_string(level - 1);
        bomb += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + below;
        for (int copy = 0; copy < 7; ++copy) bomb += ", " + below;
        bomb += "]\n";
    }
    EXPECT_NE(error_of(file("bomb.yaml", bomb)).find("too large"), std::string::npos);
}

TEST_F(Source, ABaseLiesBelowWhatTheFileSaysItself) {
    file("presets/root.yaml", "memory: 1GiB\nsmmu0: {latency: 1ns, cache: {entries: 4}}\n");
    file("presets/part.yaml", "base: root.yaml\nsmmu0: {cache: {entries: 5}}\n");
    Node tree = load_yaml(file("top.yaml", "base: presets/part.yaml\nsmmu0: {latency: 2ns}\n"));
    resolve_base(tree);
    test::MachineExample machine;
    Origins origins;
    load(machine, tree, "", &origins);
    EXPECT_EQ(machine.memory, GiB);
    EXPECT_EQ(machine.smmus[0].latency, 2 * nanosecond);
    EXPECT_EQ(machine.smmus[0].cache.entries, 5u);
    EXPECT_EQ(origins.exact("smmu0.cache.entries")->text(), (folder_ / "presets/part.yaml").string() + ":2:26");
}

TEST_F(Source, ACountRemovesMembersThatALowerLayerNames) {
    file("root.yaml", "smmu0: {latency: 5ns}\nsmmu1: {latency: 6ns}\n");
    const auto count = [&](const std::string& above) {
        Node tree = load_yaml(file("top.yaml", "base: root.yaml\n" + above));
        resolve_base(tree);
        test::MachineExample machine;
        load(machine, tree);
        return machine.smmus.size();
    };
    EXPECT_EQ(count("smmu_count: 0\n"), 0u);
    EXPECT_EQ(count("smmu_count: 1\nsmmu0: {latency: 2ns}\n"), 1u);
    EXPECT_EQ(count("smmu_count: 2\n"), 2u);
    EXPECT_THROW(count("smmu_count: 1\nsmmu1: {latency: 2ns}\n"), ConfigError);
}

TEST_F(Source, ABaseThatIsMissingOrCircularIsAnErrorWhereItIsNamed) {
    EXPECT_EQ(error_of(file("lost.yaml", "base: nowhere.yaml\n")).substr(0, 52),
              "lost.yaml:1:7: there is no file 'nowhere.yaml'; look");
    file("a.yaml", "base: b.yaml\n");
    file("b.yaml", "base: a.yaml\n");
    EXPECT_NE(error_of(folder_ / "a.yaml").find("is its own base"), std::string::npos);
}

TEST(Nearest, PrefersTheWordThatWasMeant) {
    const std::vector<std::string> names{"entries", "policy", "ways", "IDR0", "IDR1"};
    EXPECT_EQ(nearest("entires", names), "entries");
    EXPECT_EQ(nearest("idr1", names), "IDR1");
    EXPECT_EQ(nearest("way", names), "ways");
    EXPECT_EQ(nearest("x", {}), "");
}

TEST(Schema, DescribesUnitsRangesListsAndForbidsTheRest) {
    const auto schema = schema_of(test::MachineExample{});
    EXPECT_EQ(schema["additionalProperties"], false);
    EXPECT_EQ(schema["properties"]["memory"]["type"], "string");
    EXPECT_EQ(schema["properties"]["smmu_count"]["type"], "integer");
    const auto& smmu = schema["patternProperties"]["^smmu(0|[1-9][0-9]*)$"];
    EXPECT_EQ(smmu["properties"]["cache"]["properties"]["entries"]["maximum"], 1024);
    EXPECT_EQ(smmu["properties"]["cache"]["properties"]["policy"]["enum"][1], "random");
    EXPECT_TRUE(smmu["patternProperties"].contains("^tbu(0|[1-9][0-9]*)$"));
}

}  // namespace
}  // namespace smmusim::platform::config
