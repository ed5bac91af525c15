#include "sw/cpu/poll.hpp"

#include <algorithm>
#include <cerrno>

namespace smmusim::sw::cpu {

Task<int> poll(Cpu& cpu, PollPolicy policy, u64 address, u32 size, std::function<bool(u64)> done) {
    const Time begin = cpu.simulation().now();
    for (;;) {
        const Loaded loaded = co_await cpu.mmio_read(address, size);
        if (!loaded.ok()) co_return -EIO;
        if (done(loaded.value)) co_return 0;
        const Time waited = cpu.simulation().now() - begin;
        if (waited >= policy.timeout) co_return -ETIMEDOUT;
        co_await cpu.sleep(std::max(policy.interval, waited / 16));
    }
}

}  // namespace smmusim::sw::cpu
