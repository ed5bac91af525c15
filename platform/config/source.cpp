#include "platform/config/source.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace smmusim::platform::config {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t largest_file = 16 * MiB;
constexpr std::size_t most_nodes = 1'000'000;  // aliases of aliases grow without bound otherwise

Position position(const std::string& name, const YAML::Mark& mark) {
    if (mark.is_null()) return {name, 0, 0};
    return {name, static_cast<u32>(mark.line) + 1, static_cast<u32>(mark.column) + 1};
}

Node convert(const YAML::Node& yaml, const std::string& name, std::size_t& budget) {
    const Position where = position(name, yaml.Mark());
    if (budget-- == 0) throw ConfigError(where, "the document is too large", "use fewer aliases");
    switch (yaml.Type()) {
        case YAML::NodeType::Undefined:
        case YAML::NodeType::Null: return {Node::Kind::Null, where};
        case YAML::NodeType::Scalar: return Node::scalar(yaml.Scalar(), where, yaml.Tag() == "!");
        case YAML::NodeType::Sequence: {
            Node list(Node::Kind::List, where);
            for (const YAML::Node& item : yaml) list.items().push_back(convert(item, name, budget));
            return list;
        }
        case YAML::NodeType::Map: break;
    }
    Node map(Node::Kind::Map, where);
    for (const auto& entry : yaml) {
        const YAML::Node& key = entry.first;
        const Position at = position(name, key.Mark());
        if (!key.IsScalar()) throw ConfigError(at, "a key is not a word", "write `name: value`");
        map.put(key.Scalar(), at, convert(entry.second, name, budget));
    }
    return map;
}

/// Position of the first byte that does not belong into a text, if there is one.
void reject_binary(const std::string& text, const std::string& name) {
    u32 line = 1, column = 1;
    for (std::size_t index = 0; index < text.size(); ++index, ++column) {
        const auto byte = static_cast<unsigned char>(text[index]);
        std::size_t more = byte < 0x80                   ? 0
                           : byte >= 0xc2 && byte < 0xe0 ? 1
                           : byte >= 0xe0 && byte < 0xf0 ? 2
                           : byte >= 0xf0 && byte < 0xf5 ? 3
                                                         : 4;
        bool good = more != 4 && (byte >= 0x20 ? byte != 0x7f : byte == '\n' || byte == '\t' || byte == '\r');
        for (; good && more != 0; --more)
            good = ++index < text.size() && (static_cast<unsigned char>(text[index]) & 0xc0) == 0x80;
        if (!good) throw ConfigError({name, line, column}, "this is not a text file", "give a YAML file in UTF-8");
        if (byte == '\n') {
            ++line;
            column = 0;
        }
    }
}

std::string places(const std::vector<fs::path>& tried) {
    std::string text;
    for (const fs::path& place : tried) text += (text.empty() ? "" : ", ") + place.lexically_normal().string();
    return text;
}

void resolve(Node& map, std::vector<fs::path>& chain) {
    const Node::Entry* const base = map.find("base");
    if (base == nullptr) return;
    if (base->value.kind() != Node::Kind::Scalar)
        throw ConfigError(base->value.where(), "'base' is not the name of a file", "write `base: presets/virt.yaml`");
    const fs::path file = find_file(base->value.text(), fs::path(base->where.file).parent_path(), base->value.where());
    const fs::path identity = fs::weakly_canonical(file);
    if (std::ranges::find(chain, identity) != chain.end())
        throw ConfigError(base->value.where(), "'" + base->value.text() + "' is its own base", "remove this base");
    chain.push_back(identity);
    Node below = load_yaml(file);
    resolve(below, chain);
    map.erase("base");
    below.merge(map);
    map = std::move(below);
}

}  // namespace

fs::path source_root() { return SMMUSIM_SOURCE_ROOT; }

fs::path find_file(const std::string& name, const fs::path& beside, const Position& where) {
    std::vector<fs::path> tried;
    const fs::path path(name);
    if (path.is_absolute()) tried = {path};
    else tried = {beside / path, path, source_root() / "platform" / path};
    for (const fs::path& place : tried) {
        std::error_code ignored;
        if (fs::exists(place, ignored)) return place.lexically_normal();
    }
    throw ConfigError(where, "there is no file '" + name + "'", "looked for " + places(tried));
}

Node parse_yaml(const std::string& text, const std::string& name) {
    reject_binary(text, name);
    try {
        const std::vector<YAML::Node> documents = YAML::LoadAll(text);
        if (documents.empty() || documents.front().IsNull())
            throw ConfigError({name, 1, 1}, "the file is empty", "write `name: value` lines");
        if (documents.size() > 1)
            throw ConfigError(position(name, documents[1].Mark()), "a second document begins here",
                              "use one file for each");
        std::size_t budget = most_nodes;
        Node root = convert(documents.front(), name, budget);
        if (!root.is_map())
            throw ConfigError(root.where(), std::string("the file is ") + root.kind_name() + ", not a mapping",
                              "write `name: value` lines");
        return root;
    } catch (const YAML::Exception& error) {
        throw ConfigError(position(name, error.mark), "this is not YAML: " + error.msg,
                          "check indentation, quotes, brackets");
    }
}

Node load_yaml(const fs::path& file) {
    std::error_code code;
    const fs::file_status status = fs::status(file, code);
    if (!fs::exists(status)) throw ConfigError({file.string()}, "there is no such file", "check the path");
    if (fs::is_directory(status)) throw ConfigError({file.string()}, "this is a folder", "name a file in it");
    if (fs::is_regular_file(status) && fs::file_size(file, code) > largest_file)
        throw ConfigError({file.string()}, "the file is larger than 16 MiB", "give a YAML file");
    errno = 0;
    std::ifstream stream(file, std::ios::binary);
    std::string text;
    if (stream) text.assign(std::istreambuf_iterator<char>(stream), {});
    if (!stream || stream.bad())
        throw ConfigError({file.string()}, std::string("the file cannot be read: ") + std::strerror(errno),
                          "check its permissions");
    return parse_yaml(text, file.string());
}

void resolve_base(Node& map) {
    std::vector<fs::path> chain;
    resolve(map, chain);
}

Node load_preset(const std::string& name) {
    Node tree = load_yaml(find_file(name, "", {}));
    resolve_base(tree);
    return tree;
}

void add_setting(Node& tree, const std::string& path, const std::string& value, const std::string& source) {
    const Position where{source};
    Node parsed = Node::scalar(value, where, false, Bare::Allowed);
    if (!value.empty() && (value.front() == '[' || value.front() == '{')) {
        // A list or mapping in YAML's flow form; it needs a key to be a document.
        Node document = parse_yaml("value: " + value, source);
        parsed = document.find("value")->value;
    }
    Node over;
    over.put(path, where, std::move(parsed));
    if (tree.kind() == Node::Kind::Null) tree = Node(Node::Kind::Map, where);
    tree.merge(over);
}

void add_setting(Node& tree, std::string_view assignment) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0)
        throw ConfigError({"--set " + std::string(assignment)}, "this is not an assignment", "write --set a.b.c=value");
    add_setting(tree, std::string(assignment.substr(0, equals)), std::string(assignment.substr(equals + 1)),
                "--set " + std::string(assignment));
}

}  // namespace smmusim::platform::config
