// Where trees come from: YAML files with their presets, --set arguments, and where files are looked for.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "platform/config/tree.hpp"

namespace smmusim::platform::config {

/// The file that `name` stands for: beside the file that names it, in the working directory, in platform/.
std::filesystem::path find_file(const std::string& name, const std::filesystem::path& beside, const Position& where);

/// The repository that this build was made from; presets and scenarios lie below it.
std::filesystem::path source_root();

/// One YAML document whose top is a mapping. `name` stands in messages.
Node parse_yaml(const std::string& text, const std::string& name);
Node load_yaml(const std::filesystem::path& file);

/// Replaces `base: FILE` in a mapping by the content of that file, below what the mapping says itself. Bases may
/// have bases.
void resolve_base(Node& map);

/// A tree for a preset file with its bases.
Node load_preset(const std::string& name);

/// Adds "a.b.c=value" as it stands after --set; a later one replaces an earlier one.
void add_setting(Node& tree, std::string_view assignment);

/// The same for a value that a program gives; `source` stands in messages.
void add_setting(Node& tree, const std::string& path, const std::string& value, const std::string& source);

}  // namespace smmusim::platform::config
