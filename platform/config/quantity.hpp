// Numbers with units, as users write and read them: "200us", "4KiB", "100Gb/s", "2.5GHz", "0x40000000".
#pragma once

#include <stdexcept>
#include <string>

#include "sim/config.hpp"

namespace smmusim::platform::config {

/// Whether a number of a kind that has a unit may be written without it.
enum class Bare : u8 {
    Rejected,  ///< in files
    Allowed,   ///< in --set and Python: picoseconds, bytes, hertz, bit/s, cycles
};

/// What is wrong with a number, without the place where it stands.
class QuantityError : public std::runtime_error {
public:
    QuantityError(const std::string& cause, std::string fix) : std::runtime_error(cause), fix_(std::move(fix)) {}
    const std::string& fix() const { return fix_; }

private:
    std::string fix_;
};

/// The value in the unit's base (ps, bytes, Hz, bit/s, cycles); exact, or a QuantityError.
u64 parse_quantity(const std::string& text, sim::Unit unit, Bare bare);

/// The shortest exact way to write a value; parse_quantity reads it back.
std::string format_quantity(u64 value, sim::Unit unit);

/// "time", "bytes", ...; empty for plain numbers.
const char* unit_name(sim::Unit unit);
/// A regular expression of what a file may contain; empty for plain integers.
std::string quantity_pattern(sim::Unit unit);

}  // namespace smmusim::platform::config
