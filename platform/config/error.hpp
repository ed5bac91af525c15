// A mistake of the user: where it is, what is wrong, and what to write instead.
#pragma once

#include <stdexcept>
#include <string>

#include "sim/types.hpp"

namespace smmusim::platform::config {

/// A place in a file (line and column from 1), or the name of another source such as "--set".
struct Position {
    std::string file;
    u32 line = 0;  ///< 0: the source has no lines
    u32 column = 0;

    std::string text() const;
};

/// Stops a run before time 0; what() is "file:line:column: cause; fix".
class ConfigError : public std::runtime_error {
public:
    ConfigError(Position where, std::string cause, std::string fix = "");

    const Position& where() const { return where_; }
    const std::string& cause() const { return cause_; }
    const std::string& fix() const { return fix_; }

private:
    Position where_;
    std::string cause_;
    std::string fix_;
};

}  // namespace smmusim::platform::config
