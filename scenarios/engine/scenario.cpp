#include "scenarios/engine/scenario.hpp"

#include <algorithm>
#include <array>

#include "platform/config/nearest.hpp"
#include "platform/config/source.hpp"

namespace smmusim::scenarios {

namespace fs = std::filesystem;
using platform::config::Bare;
using platform::config::ConfigError;
using platform::config::Node;
using platform::config::Position;

namespace {

const std::vector<std::string> sections{"name",     "description", "seed", "platform",
                                        "software", "devices",     "run",  "expect"};

/// The fields that are neither trees nor lists.
struct HeadConfig {
    std::string name;
    std::string description;
    u64 seed = 1;
    void fields(sim::ConfigVisitor& visit) {
        visit(name, {"name", "name of the result folder"});
        visit(description, {"description", "one line"});
        visit(seed, {"seed", "seed of everything random"});
    }
};

Node section(const Node& root, const std::string& name) {
    const Node::Entry* const entry = root.find(name);
    return entry == nullptr ? Node(Node::Kind::Null, root.where()) : entry->value;
}

/// --set names a section of the scenario or, without one, a parameter of the platform.
void apply(Node& root, const std::vector<std::string>& settings) {
    for (const std::string& setting : settings) {
        const std::string head = setting.substr(0, setting.find_first_of(".="));
        const bool absolute = std::ranges::find(sections, head) != sections.end();
        if (absolute && (head == "devices" || head == "expect"))
            throw ConfigError({"--set " + setting}, "'" + head + "' is a list that cannot be set", "edit the file");
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0)
            throw ConfigError({"--set " + setting}, "this is not an assignment", "write --set a.b.c=value");
        const std::string path = (absolute ? "" : "platform.") + setting.substr(0, equals);
        platform::config::add_setting(root, path, setting.substr(equals + 1), "--set " + setting);
    }
}

/// Entry i of `devices:` is a name for endpoint i and parameters of it.
void take_devices(const Node& list, Scenario& scenario) {
    if (list.kind() == Node::Kind::Null) return;
    if (list.kind() != Node::Kind::List)
        throw ConfigError(list.where(), std::string("devices is ") + list.kind_name() + ", not a list",
                          "write `- {name: nic}` lines");
    for (const Node& item : list.items()) {
        if (!item.is_map())
            throw ConfigError(item.where(), std::string("a device is ") + item.kind_name(), "write `- {name: nic}`");
        const Node::Entry* const name = item.find("name");
        if (name == nullptr || name->value.kind() != Node::Kind::Scalar)
            throw ConfigError(item.where(), "the device has no name", "add `name: nic`");
        if (std::ranges::find(scenario.devices, name->value.text()) != scenario.devices.end())
            throw ConfigError(name->value.where(), "there is a device '" + name->value.text() + "' already",
                              "choose another name");
        Node parameters = item;
        parameters.erase("name");
        Node machine(Node::Kind::Map, item.where());
        machine.put("endpoint" + std::to_string(scenario.devices.size()), item.where(), std::move(parameters));
        scenario.platform_tree.merge(machine);
        scenario.devices.push_back(name->value.text());
    }
}

void take_run(Node run, Scenario& scenario) {
    if (!run.is_map())
        throw ConfigError(run.where(), std::string("run is ") + run.kind_name() + ", not a mapping",
                          "write `run: {steps: [...]}`");
    const Node::Entry* const steps = run.find("steps");
    if (steps == nullptr) throw ConfigError(run.where(), "run has no steps", "add `steps:`");
    if (steps->value.kind() != Node::Kind::List || steps->value.items().empty())
        throw ConfigError(steps->value.where(),
                          std::string("steps is ") + steps->value.kind_name() + ", not a list of steps",
                          "write `- boot` lines");
    for (const Node& item : steps->value.items()) scenario.steps.push_back(read_step(item, scenario.steps.size()));
    run.erase("steps");
    platform::config::load(scenario.run, run, "run", &scenario.origins);
}

Node load_root(const fs::path& file) {
    Node root = platform::config::load_yaml(file);
    for (const Node::Entry& entry : root.entries())
        if (std::ranges::find(sections, entry.key) == sections.end())
            throw ConfigError(entry.where, "there is no section '" + entry.key + "'",
                              platform::config::suggestion(entry.key, sections));
    return root;
}

HeadConfig load_head(const Node& root, platform::config::Origins* origins) {
    Node plain(Node::Kind::Map, root.where());
    for (const char* const name : {"name", "description", "seed"})
        if (const Node::Entry* const entry = root.find(name)) plain.put(entry->key, entry->where, entry->value);
    HeadConfig head;
    platform::config::load(head, plain, "", origins);
    const Position where = root.find("name") == nullptr ? root.where() : root.find("name")->value.where();
    if (head.name.empty()) throw ConfigError(where, "the scenario has no name", "add `name:`");
    const bool good = std::ranges::all_of(head.name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
    if (!good || head.name[0] == '.')
        throw ConfigError(where, "'" + head.name + "' cannot name a result folder",
                          "use letters, digits, '-', '_' and '.'");
    return head;
}

}  // namespace

Scenario load_scenario(const fs::path& file, const Overrides& overrides) {
    Node root = load_root(file);
    Scenario scenario;
    scenario.file = file;
    Node settings(Node::Kind::Map, Position{"--set"});
    apply(settings, overrides.settings);
    if (overrides.seed) platform::config::add_setting(settings, "seed", std::to_string(*overrides.seed), "--seed");

    // The machine, from below: preset, platform section, devices, command line.
    scenario.platform_tree = section(root, "platform");
    if (scenario.platform_tree.kind() == Node::Kind::Null) scenario.platform_tree = Node(Node::Kind::Map, root.where());
    if (!scenario.platform_tree.is_map())
        throw ConfigError(scenario.platform_tree.where(),
                          std::string("platform is ") + scenario.platform_tree.kind_name(),
                          "write `platform: {base: presets/virt.yaml}`");
    if (const Node::Entry* const base =
            settings.find("platform") == nullptr ? nullptr : settings.find("platform")->value.find("base")) {
        scenario.platform_tree.erase("base");
        scenario.platform_tree.put("base", base->where, base->value);
        settings.find("platform")->value.erase("base");
    }
    platform::config::resolve_base(scenario.platform_tree);
    take_devices(section(root, "devices"), scenario);
    root.erase("devices");
    const Node expect = section(root, "expect");
    root.erase("expect");
    if (const Node::Entry* const machine = settings.find("platform")) scenario.platform_tree.merge(machine->value);
    settings.erase("platform");
    root.merge(settings);

    const HeadConfig head = load_head(root, &scenario.origins);
    scenario.name = head.name;
    scenario.description = head.description;
    scenario.seed = head.seed;
    scenario.software_tree = section(root, "software");
    if (root.find("run") == nullptr)
        throw ConfigError(root.where(), "the scenario has no `run:`", "add `run: {steps: [...]}`");
    take_run(section(root, "run"), scenario);
    if (expect.kind() != Node::Kind::Null) {
        scenario.expectations = read_expectations(expect);
        for (const Node& item : expect.items())
            if (item.is_map() && item.find("golden") != nullptr) scenario.golden.push_back(item.find("golden")->value);
    }
    return scenario;
}

Heading load_heading(const fs::path& file) {
    const HeadConfig head = load_head(load_root(file), nullptr);
    return {file, head.name, head.description};
}

std::vector<fs::path> scenario_files(const fs::path& path) {
    std::error_code code;
    if (!fs::is_directory(path, code)) {
        if (!fs::exists(path, code))
            throw ConfigError({path.string()}, "there is no such file or folder", "check the path");
        return {path};
    }
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_directory(code) || (entry.path().extension() != ".yaml" && entry.path().extension() != ".yml"))
            continue;
        files.push_back(entry.path());
    }
    if (files.empty()) throw ConfigError({path.string()}, "the folder has no scenarios", "put *.yaml files into it");
    std::ranges::sort(files, {}, [](const fs::path& file) { return fs::path(file).replace_extension(); });
    return files;
}

}  // namespace smmusim::scenarios
