// Who handles which interrupt; one table serves all CPUs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "sim/task.hpp"
#include "sim/types.hpp"

namespace smmusim::sw::cpu {

class Cpu;

class InterruptTable {
public:
    /// Runs on the CPU that acknowledged the interrupt, between acknowledge and end.
    using Handler = std::function<sim::Task<>(Cpu& cpu, u32 intid)>;

    /// A handler must not be a lambda that is itself a coroutine: it may be removed while its activity runs.
    void add(u32 intid, Handler handler) { handlers_[intid] = std::move(handler); }
    void remove(u32 intid) { handlers_.erase(intid); }
    Handler find(u32 intid) const {
        const auto found = handlers_.find(intid);
        return found == handlers_.end() ? Handler{} : found->second;
    }

    u64 unhandled = 0;  ///< acknowledged interrupts that nobody had registered for

private:
    std::map<u32, Handler> handlers_;
};

}  // namespace smmusim::sw::cpu
