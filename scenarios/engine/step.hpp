// One step of a scenario's `run:` section: parameters by reflection, a check of its names before time 0, and what it
// does.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "platform/config/tree.hpp"
#include "sim/config.hpp"
#include "sim/task.hpp"

namespace smmusim::scenarios {

class Stage;

/// The names that earlier steps and the machine define, so that a misspelt one is found before time 0.
class Names {
public:
    enum class Kind : u8 { Device, Domain, Buffer, Guest, Mark };

    void define(Kind kind, const std::string& name, const platform::config::Position& where);
    void require(Kind kind, const std::string& name, const platform::config::Position& where) const;
    bool known(Kind kind, const std::string& name) const { return names_.contains({kind, name}); }

private:
    std::set<std::pair<Kind, std::string>> names_;
};

/// A step could not do what it says; the scenario fails with this message.
class StepFailure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Step {
public:
    virtual ~Step() = default;

    virtual void fields(sim::ConfigVisitor& visit) = 0;
    /// Reads the parameters; by default the fields.
    virtual void read(const platform::config::Node& parameters, const std::string& path);
    /// Defines and requires names; throws ConfigError.
    virtual void check(Names&) const {}
    virtual sim::Task<> run(Stage& stage) = 0;

    const std::string& kind() const { return kind_; }
    const platform::config::Position& where() const { return where_; }

private:
    friend std::unique_ptr<Step> read_step(const platform::config::Node& item, std::size_t index);
    std::string kind_;
    platform::config::Position where_;
};

/// A kind of step as users write it.
struct StepKind {
    const char* name;
    const char* meaning;
    std::unique_ptr<Step> (*make)();
};
std::span<const StepKind> step_kinds();

/// `- boot` or `- dma: {count: 4}`; throws ConfigError.
std::unique_ptr<Step> read_step(const platform::config::Node& item, std::size_t index);
nlohmann::ordered_json step_schema();

}  // namespace smmusim::scenarios
