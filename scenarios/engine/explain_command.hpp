// The commands `translate` and `explain`: why an access went where it went.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "platform/fault_explanations.hpp"
#include "scenarios/engine/scenario.hpp"

namespace smmusim::scenarios {

/// The access that a command line asks about.
class AccessOptions {
public:
    void add_to(CLI::App& command, bool required);
    /// Any of them was given.
    bool given() const { return stream_->count() + address_->count() + others_given() != 0; }
    /// Throws ConfigError for what no requester sends.
    smmu::arch::Request request() const;
    /// The options again, for a command line.
    std::string text() const;

private:
    std::size_t others_given() const;

    u32 stream_id = 0;
    u32 substream_id = 0;
    u64 access_address = 0;
    bool write = false, privileged = false, instruction = false;
    std::string at = "untranslated";
    CLI::Option* stream_ = nullptr;
    CLI::Option* substream_ = nullptr;
    CLI::Option* address_ = nullptr;
    std::vector<CLI::Option*> others_;
};

/// `translate`: registers and memory come from files that somebody dumped from a machine.
class TranslateCommand {
public:
    explicit TranslateCommand(CLI::App& program);
    bool chosen() const { return command_->parsed(); }
    /// 0: the access proceeds; 1: it does not.
    int run() const;

private:
    CLI::App* command_;
    AccessOptions access_;
    std::vector<std::string> memory_;
    std::string registers_;
    bool json_ = false;
};

/// `explain`: an access on the machine that a scenario leaves behind, or the faults of a run.
class ExplainCommand {
public:
    explicit ExplainCommand(CLI::App& program);
    bool chosen() const { return command_->parsed(); }
    /// Of one access as translate; of recorded faults 0.
    int run() const;

private:
    struct Faults;
    int run_folder(const std::filesystem::path& folder) const;
    int run_scenario_file(const std::filesystem::path& file) const;
    int show_faults(const nlohmann::ordered_json& document, const std::string& where) const;
    void write_dump(platform::Platform& machine, smmu::uarch::Smmu& smmu, const std::set<u64>& pages) const;

    CLI::App* command_;
    AccessOptions access_;
    std::string path_;
    Overrides overrides_;
    u32 smmu_ = 0;
    std::optional<std::size_t> event_;
    std::string dump_;
    bool json_ = false;
};

}  // namespace smmusim::scenarios
