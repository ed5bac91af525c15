// A configuration as a flat list of parameters: what they are called, what they are, what they may be, and why.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "platform/config/loader.hpp"

namespace smmusim::platform::config {

/// One leaf of a configuration.
struct Parameter {
    std::string path;
    std::string value;             ///< as a user writes it
    nlohmann::ordered_json plain;  ///< number in base units, boolean, text or list
    std::string unit;              ///< "time", "bytes", ...; empty for plain numbers and words
    std::string range;             ///< "1..64", "lru|plru"; empty: anything
    std::string meaning;
    std::string origin;  ///< of the default: "choice", "manual: IHI 0070 6.3.1", ...
};

/// Collects the leaves below `path`.
class ParameterLister final : public sim::ConfigVisitor {
public:
    explicit ParameterLister(std::string path) : prefix_(std::move(path)) {}
    std::vector<Parameter> take() { return std::move(parameters_); }

private:
    void number(u64& value, const sim::FieldInfo& info) override;
    void flag(bool& value, const sim::FieldInfo& info) override;
    void text(std::string& value, const sim::FieldInfo& info) override;
    void texts(std::vector<std::string>& value, const sim::FieldInfo& info) override;
    void choice(u64& value, const sim::FieldInfo& info, std::span<const sim::Choice> choices) override;
    bool enter(const char* name, const char* meaning) override;
    void leave() override;
    std::size_t list_size(const char* singular, const char* meaning, std::size_t present) override;
    Parameter& add(const sim::FieldInfo& info);

    std::string prefix_;
    std::vector<Parameter> parameters_;
};

template <sim::Configurable T>
std::vector<Parameter> parameters(T& config, const std::string& path = "") {
    ParameterLister lister(path);
    config.fields(lister);
    return lister.take();
}

/// config.resolved.json: {path: {value, plain, origin}}; the origin is a place, or that of the default.
nlohmann::ordered_json resolved(const std::vector<Parameter>& parameters, const Origins& origins);

}  // namespace smmusim::platform::config
