// What a user wrote, before anybody knows what it means: maps, lists and words, each with the place it came from.
#pragma once

#include <string>
#include <vector>

#include "platform/config/error.hpp"
#include "platform/config/quantity.hpp"

namespace smmusim::platform::config {

class Node {
public:
    enum class Kind : u8 { Null, Scalar, Map, List };
    struct Entry;

    Node();
    Node(Kind kind, Position where);
    // Defined where Entry, which contains a Node, is complete.
    Node(const Node& other);
    Node(Node&& other) noexcept;
    Node& operator=(const Node& other);
    Node& operator=(Node&& other) noexcept;
    ~Node();
    static Node scalar(std::string text, Position where, bool quoted = false, Bare bare = Bare::Rejected);

    Kind kind() const { return kind_; }
    bool is_map() const { return kind_ == Kind::Map; }
    const Position& where() const { return where_; }
    const std::string& text() const { return text_; }  ///< of a scalar
    bool quoted() const { return quoted_; }
    Bare bare() const { return bare_; }
    const std::vector<Entry>& entries() const { return entries_; }  ///< of a map, in the order written
    const std::vector<Node>& items() const { return items_; }       ///< of a list
    std::vector<Node>& items() { return items_; }

    const Entry* find(const std::string& key) const;
    Entry* find(const std::string& key);
    void erase(const std::string& key);

    /// Adds a value under a key, which may be a dotted path; a second value for the same path is an error.
    void put(const std::string& path, Position key, Node value);

    /// Lays `over` on top: maps are united, anything else is replaced; a count in `over` (`smmu_count: 0`) removes the
    /// members of the list beyond it.
    void merge(const Node& over);

    /// "a mapping", "a list", ... for messages.
    const char* kind_name() const;

private:
    void shorten(const Entry& count);

    Kind kind_ = Kind::Null;
    bool quoted_ = false;
    Bare bare_ = Bare::Rejected;
    Position where_;
    std::string text_;
    std::vector<Entry> entries_;
    std::vector<Node> items_;
};

struct Node::Entry {
    std::string key;
    Position where;
    Node value;
};

}  // namespace smmusim::platform::config
