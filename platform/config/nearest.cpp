#include "platform/config/nearest.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

namespace smmusim::platform::config {

namespace {

/// Edits (insert, delete, replace, swap neighbours) that turn one word into the other; case counts half.
std::size_t distance(const std::string& a, const std::string& b) {
    const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
    std::vector<std::size_t> older(b.size() + 1), old(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) old[j] = 2 * j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = 2 * i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const char x = a[i - 1], y = b[j - 1];
            const std::size_t replace = x == y ? 0 : lower(x) == lower(y) ? 1 : 2;
            row[j] = std::min({old[j] + 2, row[j - 1] + 2, old[j - 1] + replace});
            if (i > 1 && j > 1 && x == b[j - 2] && a[i - 2] == y) row[j] = std::min(row[j], older[j - 2] + 2);
        }
        std::swap(older, old);
        std::swap(old, row);
    }
    return old[b.size()];
}

}  // namespace

std::string nearest(const std::string& wrong, std::span<const std::string> candidates) {
    std::string best;
    std::size_t least = ~std::size_t{0};
    for (const std::string& candidate : candidates) {
        const std::size_t edits = distance(wrong, candidate);
        if (edits < least) {
            least = edits;
            best = candidate;
        }
    }
    return best;
}

std::string suggestion(const std::string& wrong, std::span<const std::string> candidates) {
    if (candidates.empty()) return "nothing can be set here";
    std::string text = "did you mean '" + nearest(wrong, candidates) + "'?";
    if (candidates.size() > 1 && candidates.size() <= 12) {
        text += " (valid: ";
        for (const std::string& candidate : candidates)
            text += (&candidate == candidates.data() ? "" : ", ") + candidate;
        text += ")";
    }
    return text;
}

}  // namespace smmusim::platform::config
