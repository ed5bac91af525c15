#include "scenarios/engine/paths.hpp"

#include "platform/config/source.hpp"

namespace smmusim::scenarios {

namespace fs = std::filesystem;

fs::path in_repository(const std::string& path) {
    std::error_code code;
    const fs::path absolute = platform::config::source_root() / path;
    const fs::path relative = fs::proximate(absolute, code);
    return code || relative.empty() || *relative.begin() == ".." ? absolute : relative;
}

fs::path existing(const std::string& path) {
    std::error_code code;
    if (!fs::exists(path, code) && fs::path(path).is_relative() && fs::exists(in_repository(path), code))
        return in_repository(path);
    return path;
}

}  // namespace smmusim::scenarios
