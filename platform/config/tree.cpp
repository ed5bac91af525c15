#include "platform/config/tree.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace smmusim::platform::config {

namespace {

/// 12 of "12"; nothing of another text.
std::optional<u64> index_of(std::string_view digits) {
    u64 value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace

Node::Node() = default;
Node::Node(Kind kind, Position where) : kind_(kind), where_(std::move(where)) {}
Node::Node(const Node& other) = default;
Node::Node(Node&& other) noexcept = default;
Node& Node::operator=(const Node& other) = default;
Node& Node::operator=(Node&& other) noexcept = default;
Node::~Node() = default;

Node Node::scalar(std::string text, Position where, bool quoted, Bare bare) {
    Node node(Kind::Scalar, std::move(where));
    node.text_ = std::move(text);
    node.quoted_ = quoted;
    node.bare_ = bare;
    return node;
}

Node::Entry* Node::find(const std::string& key) {
    const auto found = std::ranges::find(entries_, key, &Entry::key);
    return found == entries_.end() ? nullptr : &*found;
}
const Node::Entry* Node::find(const std::string& key) const { return const_cast<Node*>(this)->find(key); }

void Node::erase(const std::string& key) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
}

void Node::put(const std::string& path, Position key, Node value) {
    if (kind_ == Kind::Null) kind_ = Kind::Map;
    if (kind_ != Kind::Map)
        throw ConfigError(key, "'" + path + "' lies below a value that is " + kind_name() + " (" + where_.text() + ")",
                          "give either the value or what lies below it");
    const std::size_t dot = path.find('.');
    const std::string head = path.substr(0, dot);
    if (head.empty() || (dot != std::string::npos && dot + 1 == path.size()))
        throw ConfigError(key, "'" + path + "' is not a path", "write names separated by single dots");
    Entry* entry = find(head);
    if (dot != std::string::npos) {
        if (entry == nullptr) entry = &entries_.emplace_back(Entry{head, key, Node(Kind::Map, key)});
        entry->value.put(path.substr(dot + 1), std::move(key), std::move(value));
        return;
    }
    if (entry == nullptr) {
        entries_.push_back(Entry{head, std::move(key), std::move(value)});
        return;
    }
    if (!entry->value.is_map() || !value.is_map())
        throw ConfigError(key, "'" + head + "' is given twice", "remove one; the first is at " + entry->where.text());
    for (Entry& part : value.entries_) entry->value.put(part.key, part.where, std::move(part.value));
}

void Node::shorten(const Entry& part) {
    constexpr std::string_view suffix = "_count";
    if (!part.key.ends_with(suffix) || part.value.kind_ != Kind::Scalar) return;
    const std::optional<u64> count = index_of(part.value.text_);
    if (!count) return;
    const std::string singular = part.key.substr(0, part.key.size() - suffix.size());
    std::erase_if(entries_, [&](const Entry& entry) {
        if (!entry.key.starts_with(singular)) return false;
        const std::optional<u64> index = index_of(std::string_view(entry.key).substr(singular.size()));
        return index && *index >= *count;
    });
}

void Node::merge(const Node& over) {
    if (over.kind_ == Kind::Null && kind_ == Kind::Map) return;
    if (kind_ != Kind::Map || over.kind_ != Kind::Map) {
        *this = Node(over);
        return;
    }
    for (const Entry& part : over.entries_) shorten(part);
    for (const Entry& part : over.entries_) {
        if (Entry* const entry = find(part.key)) {
            entry->where = part.where;
            entry->value.merge(part.value);
        } else {
            entries_.push_back(part);
        }
    }
}

const char* Node::kind_name() const {
    switch (kind_) {
        case Kind::Null: return "nothing";
        case Kind::Scalar: return "a single value";
        case Kind::Map: return "a mapping";
        case Kind::List: return "a list";
    }
    return "";
}

}  // namespace smmusim::platform::config
