// A configuration with one field of every kind, for the tests of loading and describing.
#pragma once

#include <vector>

#include "sim/config.hpp"

namespace smmusim::platform::config::test {

enum class Policy : u8 { Lru, Random };
inline constexpr std::array<sim::Choice, 2> policy_names{sim::Choice{"lru", 0}, sim::Choice{"random", 1}};

struct CacheExample {
    u32 entries = 64;
    Policy policy = Policy::Lru;
    void fields(sim::ConfigVisitor& visit) {
        visit(entries, {"entries", "number of entries", sim::Unit::Count, sim::Origin::Choice, "", 0, 1024});
        visit(policy, {"policy", "what is replaced"}, policy_names);
    }
};

struct UnitExample {
    CacheExample cache;
    std::vector<CacheExample> tbus = std::vector<CacheExample>(1);
    u64 latency = 5 * nanosecond;
    void fields(sim::ConfigVisitor& visit) {
        visit.group("cache", "a part", cache);
        visit.list("tbu", "a list in a list", tbus);
        visit(latency, {"latency", "time", sim::Unit::Time, sim::Origin::Manual, "IHI 0070, 3.1"});
    }
};

struct MachineExample {
    std::vector<UnitExample> smmus = std::vector<UnitExample>(1);
    u64 memory = 2 * GiB;
    u64 base = 0x40000000;
    u64 clock = 1'000'000'000;
    u64 rate = 100'000'000'000;
    u32 cycles = 4;
    u8 raw = 5;
    bool coherent = true;
    std::string backing = "anonymous";
    std::vector<std::string> maps;
    void fields(sim::ConfigVisitor& visit) {
        visit.list("smmu", "an SMMU", smmus);
        visit(memory, {"memory", "size", sim::Unit::Bytes, sim::Origin::Choice, "", 4 * KiB, 255 * GiB});
        visit(base, {"base_address", "where it is", sim::Unit::Address});
        visit(clock, {"clock", "frequency", sim::Unit::Hertz});
        visit(rate, {"rate", "bits", sim::Unit::BitsPerSecond});
        visit(cycles, {"cycles", "cycles", sim::Unit::Cycles});
        visit(raw, {"raw", "a field", sim::Unit::Raw});
        visit(coherent, {"coherent", "a flag"});
        visit(backing, {"backing", "a word"});
        visit(maps, {"maps", "words"});
    }
};

}  // namespace smmusim::platform::config::test
