// An interrupt that could be forwarded to a PE, and how two of them compare.
#pragma once

#include "gic/spec/interrupts.hpp"

namespace smmusim::gic::arch {

/// A set of interrupt groups, one bit each.
using Groups = u8;
inline constexpr Groups group0 = 1;
inline constexpr Groups group1 = 2;

struct Candidate {
    u32 intid = spec::spurious;
    u8 priority = spec::idle_priority;
    u8 group = 1;

    bool valid() const { return intid != spec::spurious; }
    bool in(Groups groups) const { return (groups >> group & 1) != 0; }
    /// Lower values come first; among equals the lower INTID, which the architecture leaves open (IHI 0069, 4.8).
    bool before(const Candidate& other) const {
        if (!valid() || !other.valid()) return valid();
        return priority != other.priority ? priority < other.priority : intid < other.intid;
    }
    bool operator==(const Candidate&) const = default;
};

inline const Candidate& first_of(const Candidate& a, const Candidate& b) { return b.before(a) ? b : a; }

}  // namespace smmusim::gic::arch
