#include "scenarios/engine/explain_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "platform/config/quantity.hpp"
#include "platform/dump/memory.hpp"
#include "platform/dump/registers.hpp"
#include "platform/results/files.hpp"
#include "scenarios/engine/paths.hpp"
#include "scenarios/engine/runner.hpp"

namespace smmusim::scenarios {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using platform::config::ConfigError;
using smmu::arch::Explanation;

namespace {

constexpr u64 page = 4 * KiB;

bool colour(bool json) { return !json && isatty(STDOUT_FILENO) != 0; }

/// Prints one explanation; the exit status.
int show(const Explanation& explanation, bool json) {
    if (json) fmt::print("{}\n", platform::results::json_of(explanation).dump(2));
    else fmt::print("{}", smmu::arch::text(explanation, colour(json)));
    return explanation.result.proceeds ? 0 : 1;
}

void add_json(CLI::App& command, bool& json) { command.add_flag("--json", json, "print JSON"); }

}  // namespace

// The access.

void AccessOptions::add_to(CLI::App& command, bool required) {
    stream_ = command.add_option("--stream", stream_id, "StreamID")->required(required);
    substream_ = command.add_option("--substream", substream_id, "SubstreamID (PASID)");
    address_ =
        command.add_option("--address", access_address, "the address as the device sends it")->required(required);
    others_ = {substream_, command.add_flag("--write", write, "a write; otherwise a read"),
               command.add_flag("--privileged", privileged, "a privileged access"),
               command.add_flag("--instruction", instruction, "an instruction read"),
               command.add_option("--at", at, "what the address is: untranslated, request (ATS), translated")
                   ->check(CLI::IsMember({"untranslated", "request", "translated"}))
                   ->capture_default_str()};
}

std::size_t AccessOptions::others_given() const {
    std::size_t count = 0;
    for (const CLI::Option* option : others_) count += option->count();
    return count;
}

smmu::arch::Request AccessOptions::request() const {
    if (stream_->count() == 0) throw ConfigError({"--stream"}, "the StreamID is missing", "add --stream N");
    if (address_->count() == 0) throw ConfigError({"--address"}, "the address is missing", "add --address A");
    if (write && instruction)
        throw ConfigError({"--instruction"}, "a write is never an instruction access", "leave out one of both");
    if (substream_->count() != 0 && substream_id >> 20 != 0)
        throw ConfigError({"--substream"}, fmt::format("{:#x} has more than 20 bits", substream_id),
                          "a SubstreamID has 20 bits at most");
    smmu::arch::Request request;
    request.stream_id = stream_id;
    if (substream_->count() != 0) request.substream_id = substream_id;
    request.address = access_address;
    request.write = write;
    request.read = !write;
    request.privileged = privileged;
    request.instruction = instruction;
    if (at == "request") {
        request.address_type = sim::AddressType::TranslationRequest;
        request.no_write = !write;
    }
    if (at == "translated") request.address_type = sim::AddressType::Translated;
    return request;
}

std::string AccessOptions::text() const {
    std::string result = fmt::format("--stream {:#x}", stream_id);
    if (substream_->count() != 0) result += fmt::format(" --substream {:#x}", substream_id);
    result += fmt::format(" --address {:#x}", access_address);
    for (const auto& [set, name] :
         {std::pair{write, "write"}, {privileged, "privileged"}, {instruction, "instruction"}})
        if (set) result += fmt::format(" --{}", name);
    if (at != "untranslated") result += " --at " + at;
    return result;
}

// translate

TranslateCommand::TranslateCommand(CLI::App& program)
    : command_(
          program.add_subcommand("translate", "why an access goes where it goes, on dumped registers and memory")) {
    command_->add_option("--registers", registers_, "file with lines NAME = VALUE, or a JSON object")->required();
    command_->add_option("--memory", memory_, "FILE@ADDRESS: an image of memory and where it lies (repeatable)")
        ->take_all()
        ->allow_extra_args(false);
    access_.add_to(*command_, true);
    add_json(*command_, json_);
}

int TranslateCommand::run() const {
    const smmu::arch::Request request = access_.request();
    const platform::dump::SmmuRegisters registers =
        platform::dump::smmu_registers(platform::dump::read_registers(registers_), registers_);
    platform::dump::MemoryFiles memory;
    for (const std::string& file : memory_) memory.add(file);
    Explanation explanation = smmu::arch::explain(
        registers.identification, registers.control, request,
        [&](const smmu::arch::Fetch& fetch, void* data) { return memory.read(fetch.address, data, fetch.size); });
    explanation.remarks = registers.remarks;
    for (const u64 address : memory.missing())
        explanation.remarks.push_back(fmt::format(
            "the dump lacks {:#x}: the read counts as aborted; add the memory there with --memory", address));
    return show(explanation, json_);
}

// explain

ExplainCommand::ExplainCommand(CLI::App& program)
    : command_(
          program.add_subcommand("explain", "why an access went where it went, in a scenario or a result folder")) {
    command_->add_option("PATH", path_, "a scenario file, or a result folder")->required();
    command_->add_option("--set", overrides_.settings, "override a parameter: a.b.c=value (repeatable)")
        ->take_all()
        ->allow_extra_args(false);
    command_->add_option("--seed", overrides_.seed, "seed of everything random");
    access_.add_to(*command_, false);
    command_->add_option("--smmu", smmu_, "of the access: which SMMU")->capture_default_str();
    command_->add_option("--event", event_, "of the recorded faults, only this one (from 1)");
    command_->add_option("--dump", dump_, "of the access: write registers and memory there, for translate");
    add_json(*command_, json_);
}

int ExplainCommand::run() const {
    const fs::path path = existing(path_);
    std::error_code code;
    const bool folder = fs::is_directory(path, code);
    if (!folder && !fs::exists(path, code))
        throw ConfigError({path_}, "there is no such file or folder", "name a scenario file or a result folder");
    if (!dump_.empty() && !access_.given())
        throw ConfigError({"--dump"}, "there is no access to write the memory of", "add --stream N --address A");
    if (event_ && access_.given())
        throw ConfigError({"--event"}, "either a recorded fault or an access is explained", "leave out one of both");
    return folder ? run_folder(path) : run_scenario_file(path);
}

int ExplainCommand::run_folder(const fs::path& folder) const {
    if (access_.given() || !overrides_.settings.empty() || overrides_.seed)
        throw ConfigError({folder.string()}, "a result folder has no machine to ask about an access",
                          "name the scenario file instead");
    if (!fs::exists(folder / "run.json"))
        throw ConfigError({folder.string()}, "this is not a result folder", "name a folder that `run` has written");
    const fs::path file = folder / "faults.json";
    if (!fs::exists(file)) return show_faults({{"faults", Json::array()}, {"more", 0}}, folder.string());
    try {
        std::ifstream stream(file);
        return show_faults(Json::parse(stream), file.string());
    } catch (const Json::exception&) {
    } catch (const std::invalid_argument&) {
    } catch (const std::out_of_range&) {
    }
    throw ConfigError({file.string()}, "this is not what `run` writes", "run the scenario again");
}

int ExplainCommand::show_faults(const Json& document, const std::string& where) const {
    const Json& list = document.at("faults");
    const u64 more = document.at("more").get<u64>();
    if (event_ && (*event_ == 0 || *event_ > list.size()))
        throw ConfigError({"--event"}, fmt::format("there is no fault {}", *event_),
                          fmt::format("{} has {} explained faults, counted from 1", where, list.size()));
    if (json_) {
        fmt::print("{}\n", event_ ? list.at(*event_ - 1).dump(2) : document.dump(2));
        return 0;
    }
    if (list.empty()) fmt::print("{}: no SMMU recorded a fault\n", where);
    for (std::size_t index = 0; index < list.size(); ++index) {
        if (event_ && index + 1 != *event_) continue;
        const platform::ExplainedFault fault = platform::explained_fault_of(list.at(index));
        fmt::print("{}fault {} of {}: {} of {} at {}\n{}", index == 0 || event_ ? "" : "\n", index + 1,
                   list.size() + more, fault.name, fault.source,
                   platform::config::format_quantity(fault.at, sim::Unit::Time),
                   smmu::arch::text(fault.explanation, colour(json_)));
    }
    if (more != 0 && !event_) fmt::print("\n{} more faults were recorded and are not explained\n", more);
    return 0;
}

int ExplainCommand::run_scenario_file(const fs::path& file) const {
    RunOptions options;
    options.overrides = overrides_;
    options.out.clear();
    const bool one_access = access_.given();
    smmu::arch::Request request;
    if (one_access) request = access_.request();
    std::optional<Explanation> explanation;
    Json faults;
    std::optional<ConfigError> mistake;
    options.at_end = [&](platform::Platform& machine, const platform::FaultExplanations& explained) {
        if (!one_access) {
            faults = explained.json();
            return;
        }
        const auto& smmus = machine.machine().smmus;
        if (smmu_ >= smmus.size()) {
            mistake.emplace(platform::config::Position{"--smmu"}, fmt::format("there is no smmu{}", smmu_),
                            fmt::format("the machine has {}", smmus.size()));
            return;
        }
        const platform::SimContext::Use use(machine.context());
        std::set<u64> pages;
        explanation = smmus[smmu_]->explain(
            request, [&](const smmu::arch::Fetch& fetch) { pages.insert(sim::align_down(fetch.address, page)); });
        try {
            if (!dump_.empty()) write_dump(machine, *smmus[smmu_], pages);
        } catch (const ConfigError& error) {
            mistake = error;
        }
    };
    const Outcome outcome = run_scenario(file, options);
    if (mistake) throw ConfigError(*mistake);
    const bool ended = explanation || !faults.is_null();
    if (!outcome.error.empty()) fmt::print(stderr, "{}{}\n", ended ? "the run ended early: " : "", outcome.error);
    if (!ended) return static_cast<int>(outcome.ending);
    return explanation ? show(*explanation, json_) : show_faults(faults, file.string());
}

void ExplainCommand::write_dump(platform::Platform& machine, smmu::uarch::Smmu& smmu,
                                const std::set<u64>& pages) const {
    const fs::path folder = dump_;
    std::string registers = "# Registers of " + smmu.name() + "\n";
    for (const std::string_view name : smmu::uarch::Smmu::register_names()) {
        bool found = false;
        registers += fmt::format("{} = {:#x}\n", name, smmu.read_register(name, found));
    }
    std::string command = fmt::format("./smmusim translate --registers {}", (folder / "registers.txt").string());
    // Neighbours share a file.
    std::map<u64, std::string> images;
    u64 base = 0, end = 0;
    const memory::Storage& memory = machine.memory();
    for (const u64 address : pages) {
        if (!memory.contains(address, page)) continue;
        if (images.empty() || address != end) base = address;
        images[base].append(reinterpret_cast<const char*>(memory.at(address)), page);
        end = address + page;
    }
    try {
        platform::results::write_file(folder / "registers.txt", registers);
        for (const auto& [start, content] : images) {
            const fs::path file = folder / platform::dump::file_name(start);
            platform::results::write_file(file, content);
            command += fmt::format(" --memory {}@{:#x}", file.string(), start);
        }
    } catch (const std::system_error& error) {
        throw ConfigError({"--dump"}, error.what(), "name another folder");
    }
    fmt::print(stderr, "the same from the dump: {} {}\n", command, access_.text());
}

}  // namespace smmusim::scenarios
