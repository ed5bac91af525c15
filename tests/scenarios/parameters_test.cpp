// No parameter is decoration: halved or doubled, it moves the statistic that it governs, in the direction that it must.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "scenarios/engine/runner.hpp"
#include "support/temporary_folder.hpp"

namespace smmusim::scenarios {
namespace {

namespace fs = std::filesystem;

struct Governed {
    const char* parameter;
    std::array<const char*, 3> values;  ///< half, as it is, double
    const char* statistic;
    bool rises;  ///< with the parameter
    const char* step;
    std::vector<std::string> settings;  ///< that make this parameter the narrowest place
};

void PrintTo(const Governed& governed, std::ostream* stream) { *stream << governed.parameter; }

constexpr const char* random_reads =
    "{device: nic, buffer: buffer, direction: read, order: random, size: 64B, stride: 4KiB, count: 512, in_flight: 8}";
constexpr const char* long_reads = "{device: nic, buffer: buffer, direction: read, size: 4KiB, in_flight: 8}";
constexpr const char* long_writes = "{device: nic, buffer: buffer, direction: write, size: 4KiB, in_flight: 8}";
constexpr const char* messages = "{device: nic, buffer: buffer, direction: read, size: 64B, count: 32, vectors: 4}";

class Parameter : public testing::TestWithParam<Governed> {
protected:
    struct Result {
        double value = 0;
        std::string digest;
    };
    Result run(const char* value) {
        const Governed& governed = GetParam();
        const support::TemporaryFolder folder;
        std::ofstream(folder / "s.yaml")
            << "name: s\nplatform: {base: presets/virt.yaml}\ndevices: [{name: nic}]\nrun:\n  steps:\n"
               "    - boot\n    - guest: {name: vm}\n"
               "    - register_window: {guest: vm}\n    - attach: {guest: vm, device: nic}\n"
               "    - guest_memory: {guest: vm, name: buffer, address: 0x50000000, size: 512KiB}\n"
               "    - enable_msix: {guest: vm, device: nic, vectors: 4}\n"
               "    - reset_statistics\n    - dma: "
            << governed.step << "\nexpect: [no_faults, {stat: run.nic.wrong_bytes, eq: 0}]\n";
        RunOptions options;
        options.out = (folder / "out").string();
        options.overrides.settings = governed.settings;
        options.overrides.settings.push_back(std::string(governed.parameter) + "=" + value);
        const Outcome outcome = run_scenario(folder / "s.yaml", options);
        EXPECT_EQ(outcome.ending, Ending::Passed) << outcome.error;
        std::ifstream stream(fs::path(outcome.folder) / "stats.json");
        const nlohmann::json statistics = nlohmann::json::parse(stream);
        return {statistics.at(governed.statistic).at("value").get<double>(), outcome.digest};
    }
};

TEST_P(Parameter, MovesWhatItGoverns) {
    const Governed& governed = GetParam();
    const Result half = run(governed.values[0]), whole = run(governed.values[1]), twice = run(governed.values[2]);
    if (governed.rises) {
        EXPECT_LT(half.value, whole.value);
        EXPECT_LT(whole.value, twice.value);
    } else {
        EXPECT_GT(half.value, whole.value);
        EXPECT_GT(whole.value, twice.value);
    }
    EXPECT_NE(half.digest, whole.digest);
    EXPECT_NE(whole.digest, twice.digest);
    EXPECT_EQ(whole.digest, run(governed.values[1]).digest);
}

constexpr const char* throughput = "endpoint.00_01_0.dma.throughput_gbps";

INSTANTIATE_TEST_SUITE_P(
    Governs, Parameter,
    testing::Values(
        Governed{"smmu0.tbu0.tlb.entries",
                 {"32", "64", "128"},
                 "smmu0.tlb_miss",
                 false,
                 random_reads,
                 {"smmu0.tbu0.utlb.entries=4"}},
        Governed{"smmu0.tcu.walk_slots",
                 {"1", "2", "4"},
                 "endpoint.00_01_0.dma.latency_ns.mean",
                 false,
                 random_reads,
                 {"smmu0.tbu0.tlb.entries=8", "smmu0.tbu0.utlb.entries=4", "smmu0.tcu.walk_cache.entries=0"}},
        Governed{"memory.latency", {"40ns", "80ns", "160ns"}, "smmu0.walk.latency_ns.mean", true, random_reads, {}},
        Governed{"link0.width",
                 {"2", "4", "8"},
                 throughput,
                 true,
                 long_reads,
                 {"endpoint0.tags=256", "endpoint0.mrrs=4KiB"}},
        Governed{"endpoint0.tags", {"1", "2", "4"}, throughput, true, long_reads, {"endpoint0.mrrs=512B"}},
        Governed{
            "endpoint0.mps", {"128B", "256B", "512B"}, "endpoint.00_01_0.dma.write_packets", false, long_writes, {}},
        Governed{
            "its0.message_cycles", {"15", "30", "60"}, "endpoint.00_01_0.msi.part.its_ns.mean", true, messages, {}}),
    [](const auto& test) {
        std::string name = test.param.parameter;
        for (char& c : name)
            if (c == '.') c = '_';
        return name;
    });

}  // namespace
}  // namespace smmusim::scenarios
