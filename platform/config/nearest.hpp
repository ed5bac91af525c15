// The valid name that a misspelt one most likely stands for.
#pragma once

#include <span>
#include <string>

namespace smmusim::platform::config {

/// The candidate with the smallest edit distance, the first of equals; empty if there is no candidate.
std::string nearest(const std::string& wrong, std::span<const std::string> candidates);

/// "did you mean 'x'?", followed by all candidates if they are few.
std::string suggestion(const std::string& wrong, std::span<const std::string> candidates);

}  // namespace smmusim::platform::config
