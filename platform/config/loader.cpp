#include "platform/config/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "platform/config/nearest.hpp"

namespace smmusim::platform::config {

namespace {

constexpr std::size_t longest_list = 4096;

/// 12 of "smmu12" for "smmu".
std::optional<std::size_t> index_of(const std::string& key, const std::string& singular) {
    if (!key.starts_with(singular) || key.size() == singular.size() || key.size() > singular.size() + 6)
        return std::nullopt;
    const std::string digits = key.substr(singular.size());
    if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
    return std::stoul(digits);
}

}  // namespace

const Position* Origins::exact(const std::string& path) const {
    const auto found = places_.find(path);
    return found == places_.end() ? nullptr : &found->second;
}

const Position* Origins::find(const std::string& path) const {
    for (std::string part = path;; part.erase(part.rfind('.'))) {
        if (const Position* const where = exact(part)) return where;
        if (part.find('.') == std::string::npos) return nullptr;
    }
}

ConfigError Origins::error(const std::string& path, const std::string& cause, const std::string& fix) const {
    const Position* const where = find(path);
    return ConfigError(where == nullptr ? Position{} : *where, path + ": " + cause, fix);
}

Loader::Loader(const Node& tree, std::string path, Origins* origins) : origins_(origins) {
    if (tree.kind() != Node::Kind::Map && tree.kind() != Node::Kind::Null)
        throw ConfigError(tree.where(), fmt::format("'{}' is {}, not a mapping", path, tree.kind_name()),
                          "write `name: value` lines");
    frames_.push_back({&tree, std::move(path), {}});
}

void Loader::finish() { reject_unknown(frames_.back()); }

std::string Loader::path_of(const std::string& name) const {
    const std::string& path = frames_.back().path;
    return path.empty() ? name : path + "." + name;
}

const Node::Entry* Loader::take(const std::string& name) {
    Frame& frame = frames_.back();
    frame.names.push_back(name);
    const Node::Entry* const entry = frame.node == nullptr ? nullptr : frame.node->find(name);
    if (entry != nullptr && origins_ != nullptr) origins_->add(path_of(name), entry->value.where());
    return entry;
}

const Node* Loader::take_scalar(const std::string& name, const std::string& expected) {
    const Node::Entry* const entry = take(name);
    if (entry == nullptr) return nullptr;
    if (entry->value.kind() != Node::Kind::Scalar)
        throw ConfigError(entry->value.where(), fmt::format("{} is {}", path_of(name), entry->value.kind_name()),
                          "give " + expected);
    return &entry->value;
}

void Loader::number(u64& value, const sim::FieldInfo& info) {
    const Node* const node = take_scalar(info.name, "one number");
    if (node == nullptr) return;
    const bool words = !quantity_pattern(info.unit).empty();
    if (node->quoted() && !words)
        throw ConfigError(node->where(), fmt::format("{} is a text, not a number", path_of(info.name)),
                          "remove the quotes");
    u64 parsed = 0;
    try {
        parsed = parse_quantity(node->text(), info.unit, node->bare());
    } catch (const QuantityError& error) {
        throw ConfigError(node->where(), fmt::format("{}: {}", path_of(info.name), error.what()), error.fix());
    }
    if (parsed < info.minimum || parsed > info.maximum)
        throw ConfigError(node->where(), fmt::format("{} is {}", path_of(info.name), node->text()),
                          fmt::format("give a value from {} to {}", format_quantity(info.minimum, info.unit),
                                      format_quantity(info.maximum, info.unit)));
    value = parsed;
}

void Loader::flag(bool& value, const sim::FieldInfo& info) {
    const Node* const node = take_scalar(info.name, "true or false");
    if (node == nullptr) return;
    if (node->quoted() || (node->text() != "true" && node->text() != "false"))
        throw ConfigError(node->where(), fmt::format("{} is '{}'", path_of(info.name), node->text()),
                          "write true or false");
    value = node->text() == "true";
}

void Loader::text(std::string& value, const sim::FieldInfo& info) {
    if (const Node* const node = take_scalar(info.name, "one text")) value = node->text();
}

void Loader::texts(std::vector<std::string>& value, const sim::FieldInfo& info) {
    const Node::Entry* const entry = take(info.name);
    if (entry == nullptr) return;
    const Node& list = entry->value;
    if (list.kind() != Node::Kind::List)
        throw ConfigError(list.where(), fmt::format("{} is {}, not a list", path_of(info.name), list.kind_name()),
                          "write [a, b]");
    value.clear();
    for (const Node& item : list.items()) {
        if (item.kind() != Node::Kind::Scalar)
            throw ConfigError(item.where(), fmt::format("{} contains {}", path_of(info.name), item.kind_name()),
                              "write [a, b]");
        value.push_back(item.text());
    }
}

void Loader::choice(u64& value, const sim::FieldInfo& info, std::span<const sim::Choice> choices) {
    const Node* const node = take_scalar(info.name, "one name");
    if (node == nullptr) return;
    std::vector<std::string> names;
    for (const sim::Choice& choice : choices) {
        if (node->text() == choice.name) {
            value = choice.value;
            return;
        }
        names.emplace_back(choice.name);
    }
    throw ConfigError(node->where(), fmt::format("{} cannot be '{}'", path_of(info.name), node->text()),
                      suggestion(node->text(), names));
}

bool Loader::enter(const char* name, const char*) {
    const Node::Entry* const entry = take(name);
    if (entry != nullptr && !entry->value.is_map() && entry->value.kind() != Node::Kind::Null)
        throw ConfigError(entry->value.where(),
                          fmt::format("{} is {}, not a mapping", path_of(name), entry->value.kind_name()),
                          fmt::format("write {}: {{name: value}}", name));
    frames_.push_back({entry == nullptr ? nullptr : &entry->value, path_of(name), {}});
    return true;
}

void Loader::leave() {
    reject_unknown(frames_.back());
    frames_.pop_back();
}

std::size_t Loader::list_size(const char* singular, const char*, std::size_t present) {
    const std::string count_name = std::string(singular) + "_count";
    u64 count = present;
    number(count, {count_name.c_str(), "", sim::Unit::Count, sim::Origin::Choice, "", 0, longest_list});
    Frame& frame = frames_.back();
    if (frame.node == nullptr) return count;
    const Node::Entry* const stated = frame.node->find(count_name);
    for (std::size_t next = count; stated == nullptr && next < longest_list; ++next) {
        if (frame.node->find(singular + std::to_string(next)) == nullptr) break;
        ++count;
    }
    for (const Node::Entry& entry : frame.node->entries()) {
        const auto index = index_of(entry.key, singular);
        if (!index || *index < count) continue;
        throw ConfigError(entry.where, fmt::format("there is no {}", path_of(entry.key)),
                          stated != nullptr ? fmt::format("{} says how many there are", path_of(count_name))
                                            : fmt::format("the next one is {}{}", singular, count));
    }
    if (count == 0) frame.names.push_back(std::string(singular) + "0");
    return count;
}

void Loader::reject_unknown(const Frame& frame) const {
    if (frame.node == nullptr) return;
    for (const Node::Entry& entry : frame.node->entries()) {
        if (std::ranges::find(frame.names, entry.key) != frame.names.end()) continue;
        const std::string path = frame.path.empty() ? entry.key : frame.path + "." + entry.key;
        throw ConfigError(entry.where, fmt::format("there is no parameter '{}'", path),
                          suggestion(entry.key, frame.names));
    }
}

}  // namespace smmusim::platform::config
