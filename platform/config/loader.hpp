// Fills a configuration from a tree: every key must have a meaning, every number its unit and range.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "platform/config/tree.hpp"
#include "sim/config.hpp"

namespace smmusim::platform::config {

/// Where each value that is not a default came from, by dotted path; also maps and list members that were named.
class Origins {
public:
    void add(const std::string& path, const Position& where) { places_[path] = where; }
    /// The place of `path`, or of the nearest enclosing part that was named, or null.
    const Position* find(const std::string& path) const;
    /// The place of exactly `path`, or null.
    const Position* exact(const std::string& path) const;

    /// An error about `path`, at the place that set it.
    ConfigError error(const std::string& path, const std::string& cause, const std::string& fix) const;

private:
    std::map<std::string, Position> places_;
};

/// Visits a configuration and overwrites what the tree gives.
class Loader final : public sim::ConfigVisitor {
public:
    Loader(const Node& tree, std::string path, Origins* origins);

    /// Complains about keys that no field has; call after the visit.
    void finish();

private:
    struct Frame {
        const Node* node;  ///< null: the user said nothing about this part
        std::string path;
        std::vector<std::string> names;
    };

    void number(u64& value, const sim::FieldInfo& info) override;
    void flag(bool& value, const sim::FieldInfo& info) override;
    void text(std::string& value, const sim::FieldInfo& info) override;
    void texts(std::vector<std::string>& value, const sim::FieldInfo& info) override;
    void choice(u64& value, const sim::FieldInfo& info, std::span<const sim::Choice> choices) override;
    bool enter(const char* name, const char* meaning) override;
    void leave() override;
    std::size_t list_size(const char* singular, const char* meaning, std::size_t present) override;

    /// The entry of a field, which becomes a valid name of this level, or null.
    const Node::Entry* take(const std::string& name);
    /// The same, and it must be a single value.
    const Node* take_scalar(const std::string& name, const std::string& expected);
    std::string path_of(const std::string& name) const;
    void reject_unknown(const Frame& frame) const;

    Origins* origins_;
    std::vector<Frame> frames_;
};

/// Fills `config` from `tree`; `path` is the prefix of names in messages and origins.
template <sim::Configurable T>
void load(T& config, const Node& tree, std::string_view path = "", Origins* origins = nullptr) {
    Loader loader(tree, std::string(path), origins);
    config.fields(loader);
    loader.finish();
}

}  // namespace smmusim::platform::config
