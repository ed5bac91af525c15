#include "bench/lpi_machine.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace smmusim::bench {

namespace {

constexpr u64 distributor = 0x0800'0000;
constexpr u64 redistributor = 0x080A'0000;
constexpr u64 its = 0x0808'0000;
constexpr u64 doorbell = its + 0x1'0040;
constexpr u64 properties = 0x5000'0000;
constexpr u64 pending = 0x5100'0000;
constexpr u64 device_table = 0x5200'0000;
constexpr u64 collection_table = 0x5210'0000;
constexpr u64 queue = 0x5220'0000;
constexpr u64 queue_bytes = 0x1'0000;
constexpr u64 translation_table = 0x5300'0000;
constexpr u32 first_lpi = 8192;
constexpr u32 device = 1;
constexpr u64 valid = u64{1} << 63;

enum Command : u64 { MAPD = 0x08, MAPC = 0x09, MAPTI = 0x0A };

}  // namespace

platform::PlatformConfig LpiMachine::config_of() {
    platform::PlatformConfig config;
    config.gic.id_bits = 21;
    config.itss[0].event_bits = 20;
    config.itss[0].event_cache = {.entries = 1, .ways = 1};
    return config;
}

LpiMachine::LpiMachine(u32 lpis, u32 mapped) : platform_(config_of()), lpis_(lpis) {
    enable();
    map_device();
    const u64 before = ::mallinfo2().uordblks;
    map(mapped);
    const u64 after = ::mallinfo2().uordblks;
    bytes_per_lpi_ = after > before ? static_cast<double>(after - before) / static_cast<double>(mapped) : 0;
}

void LpiMachine::enable() {
    memory::Storage& memory = platform_.memory();
    std::fill_n(memory.at(properties), lpis_, u8{0xA1});           // priority 0xA0, enabled
    std::fill_n(memory.at(translation_table), u64{lpis_} * 8, 0);  // resident before anything is counted
    platform_.mmio_write(distributor, 0b11, 4);
    platform_.run_until_idle();
    platform_.mmio_write(redistributor + 0x14, 0, 4);  // awake
    platform_.mmio_write(redistributor + 0x70, properties | 20, 8);
    platform_.mmio_write(redistributor + 0x78, pending | u64{1} << 62, 8);  // holds no pending LPI
    platform_.mmio_write(redistributor, 1, 4);
    platform_.interrupts(0).write("ICC_PMR_EL1", 0xF0);
    platform_.interrupts(0).write("ICC_IGRPEN1_EL1", 1);
    platform_.mmio_write(its + 0x100, device_table | valid | 127, 8);
    platform_.mmio_write(its + 0x108, collection_table | valid | 7, 8);
    platform_.mmio_write(its + 0x80, queue | valid | 15, 8);
    platform_.mmio_write(its + 0x88, 0, 8);
    platform_.mmio_write(its, 1, 4);
    platform_.run_until_idle();
}

void LpiMachine::command(u64 first, u64 second, u64 third) {
    const u64 words[4] = {first, second, third, 0};
    std::memcpy(platform_.memory().at(queue + written_), words, sizeof words);
    written_ = (written_ + sizeof words) % queue_bytes;
}

void LpiMachine::execute() {
    platform_.mmio_write(its + 0x88, written_, 8);
    platform_.run_until_idle();
    if (platform_.mmio_read(its + 0x90, 8) != written_) throw std::runtime_error("the ITS has not executed a command");
}

void LpiMachine::map_device() {
    command(MAPC, 0, valid);
    command(MAPD | u64{device} << 32, 19, valid | translation_table);
    execute();
}

u64 LpiMachine::map(u64 count) {
    constexpr u32 batch = 1024;
    const u32 first = mapped_;
    const u32 end = static_cast<u32>(std::min<u64>(lpis_, mapped_ + count));
    while (mapped_ < end) {
        for (const u32 stop = std::min(end, mapped_ + batch); mapped_ < stop; ++mapped_)
            command(MAPTI | u64{device} << 32, mapped_ | u64{first_lpi + mapped_} << 32);
        execute();
    }
    return mapped_ - first;
}

u64 LpiMachine::run(u64 count) {
    platform::StreamIdentity identity;
    identity.device_id = device;
    for (u64 index = 0; index < count; ++index) {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        const u32 event = static_cast<u32>((random_ >> 32) % lpis_);
        const auto operation = std::make_shared<sim::DmaOperation>();
        operation->command = sim::Command::Write;
        operation->address = doorbell;
        operation->size = 4;
        operation->data.resize(4);
        std::memcpy(operation->data.data(), &event, 4);
        platform_.submit(identity, operation);
        platform_.run_until_idle();
        const u32 intid = platform_.interrupts(0).acknowledge();
        if (intid != first_lpi + event) throw std::runtime_error("a message of the benchmark did not arrive");
        platform_.interrupts(0).end(intid);
    }
    return count;
}

}  // namespace smmusim::bench
