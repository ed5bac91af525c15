#include "platform/config/error.hpp"

namespace smmusim::platform::config {

std::string Position::text() const {
    if (line == 0) return file;
    return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

ConfigError::ConfigError(Position where, std::string cause, std::string fix)
    : std::runtime_error((where.file.empty() ? "" : where.text() + ": ") + cause + (fix.empty() ? "" : "; " + fix)),
      where_(std::move(where)),
      cause_(std::move(cause)),
      fix_(std::move(fix)) {}

}  // namespace smmusim::platform::config
