// Decoded lines of what devices do, in the manner of a kernel log; it never changes what happens.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "sim/types.hpp"

namespace smmusim::sim {

/// Where decoded lines go. A device asks before it composes a line, so that an unwanted one costs one comparison:
///     if (auto* trace = simulation.trace(); trace && trace->wants(Trace::Kind::Command)) trace->line(...);
class Trace {
public:
    enum class Kind : u8 {
        Mmio,     ///< register accesses, as the device sees them
        Command,  ///< commands of the SMMU and of the ITS, when they are executed
        Event,    ///< event records, GERROR, command errors
        Walk,     ///< table and configuration reads, decoded
        Packet,   ///< TLPs, when the first byte is on the link
        Irq,      ///< messages, pending, signalled, acknowledged, ended
    };
    /// The names that a user enables kinds by, in the order of Kind.
    static constexpr std::array<std::string_view, 6> names{"mmio", "cmd", "event", "walk", "tlp", "irq"};

    virtual ~Trace() = default;

    bool wants(Kind kind) const { return (mask_ & bit(kind)) != 0; }
    void enable(Kind kind) { mask_ |= bit(kind); }

    /// `source` is the path of the component ("smmu0", "its0", "endpoint.00_01_0").
    virtual void line(Kind kind, Time at, std::string_view source, const std::string& text) = 0;

    static std::optional<Kind> kind_of(std::string_view name) {
        for (std::size_t index = 0; index < names.size(); ++index)
            if (names[index] == name) return static_cast<Kind>(index);
        return std::nullopt;
    }

private:
    static constexpr u32 bit(Kind kind) { return u32{1} << static_cast<u8>(kind); }

    u32 mask_ = 0;
};

}  // namespace smmusim::sim
