// What a CPU costs and how weakly it orders its stores.
#pragma once

#include "sim/assoc_cache.hpp"

namespace smmusim::sw::cpu {

enum class MemoryModel : u8 {
    Weak,    ///< stores wait in a buffer until a barrier, an ordered MMIO write, or a bounded time
    Strong,  ///< a store is complete before the next instruction
};
inline constexpr std::array<sim::Choice, 2> memory_model_names{sim::Choice{"weak", 0}, sim::Choice{"strong", 1}};

struct CpuConfig {
    u64 clock = 2'000'000'000;
    MemoryModel memory_model = MemoryModel::Weak;
    u32 store_buffer_entries = 64;
    Time drain_time = 1 * microsecond;
    u32 access_cycles = 1;
    sim::CacheConfig cache{.entries = 0, .ways = 4};
    u32 cache_cycles = 3;
    u32 system_register_cycles = 20;
    u32 interrupt_entry_cycles = 400;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(clock, {"clock", "frequency", Unit::Hertz, Origin::Assumed, "a server core at base frequency", 1});
        visit(memory_model, {"memory_model", "whether plain stores wait in a store buffer"}, memory_model_names);
        visit(store_buffer_entries, {"store_buffer_entries", "doublewords that the store buffer holds", Unit::Count,
                                     Origin::Assumed, "order of magnitude of current cores", 1, 1u << 16});
        visit(drain_time, {"drain_time", "longest time that a store stays in the buffer", Unit::Time, Origin::Assumed,
                           "stores reach the point of coherency in finite time (DDI 0487, B2.3)"});
        visit(access_cycles,
              {"access_cycles", "issue of one load or store", Unit::Cycles, Origin::Assumed, "one per cycle"});
        visit.group("cache", "data cache, of lines of 64 bytes", cache);
        visit(cache_cycles, {"cache_cycles", "a load that the data cache answers, after its issue", Unit::Cycles,
                             Origin::Assumed, "with the issue 4 cycles, as in current cores"});
        visit(system_register_cycles, {"system_register_cycles", "access of one ICC register", Unit::Cycles,
                                       Origin::Assumed, "the GIC stream interface is a few bus cycles away"});
        visit(interrupt_entry_cycles,
              {"interrupt_entry_cycles", "from the signalled interrupt to the first instruction of the dispatcher",
               Unit::Cycles, Origin::Assumed, "exception entry and saving of registers, about 0.2 us"});
    }
};

}  // namespace smmusim::sw::cpu
