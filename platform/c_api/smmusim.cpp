#include "platform/c_api/smmusim.h"

#include <algorithm>
#include <cstring>

#include "platform/config/source.hpp"
#include "platform/platform.hpp"

using namespace smmusim;

/// What a C program holds.
struct smmusim_machine {
    explicit smmusim_machine(platform::PlatformConfig config) : platform(std::move(config)) {}
    platform::Platform platform;
    mutable std::string error;
};

namespace {

platform::PlatformConfig configuration(const char* preset, const char* const* settings, std::size_t count) {
    namespace config = platform::config;
    config::Node tree = preset != nullptr ? config::load_preset(preset) : config::parse_yaml("{}", "the defaults");
    for (std::size_t index = 0; index < count; ++index) config::add_setting(tree, settings[index]);
    return platform::load_platform(tree);
}

/// No exception leaves towards C.
template <class Action>
int guarded(struct smmusim_machine* machine, Action action) {
    machine->error.clear();
    try {
        action(machine->platform);
        return SMMUSIM_OK;
    } catch (const platform::BusError& error) {
        machine->error = error.what();
        return SMMUSIM_BUS_ERROR;
    } catch (const platform::Blocked& error) {
        machine->error = error.what();
        return SMMUSIM_BLOCKED;
    } catch (const std::logic_error& error) {
        machine->error = error.what();
        return SMMUSIM_ARGUMENT;
    } catch (const std::exception& error) {
        machine->error = error.what();
        return SMMUSIM_FAILED;
    }
}

u8* bytes_at(platform::Platform& platform, u64 address, u64 size) {
    memory::Storage& storage = platform.memory();
    if (!storage.contains(address, size)) throw std::invalid_argument("the bytes are not all within RAM");
    return storage.at(address);
}

}  // namespace

struct smmusim_machine* smmusim_create(const char* preset, const char* const* settings, size_t count, char* error,
                                       size_t error_size) {
    try {
        return new smmusim_machine(configuration(preset, settings, count));
    } catch (const std::exception& failure) {
        if (error != nullptr && error_size != 0) {
            const std::size_t length = std::min(std::strlen(failure.what()), error_size - 1);
            std::memcpy(error, failure.what(), length);
            error[length] = '\0';
        }
        return nullptr;
    }
}

void smmusim_destroy(struct smmusim_machine* machine) { delete machine; }

const char* smmusim_error(const struct smmusim_machine* machine) { return machine->error.c_str(); }

int smmusim_mmio_read(struct smmusim_machine* machine, unsigned cpu, uint64_t address, unsigned size, uint64_t* value) {
    return guarded(machine, [&](auto& platform) { *value = platform.mmio_read(address, size, cpu); });
}

int smmusim_mmio_write(struct smmusim_machine* machine, unsigned cpu, uint64_t address, unsigned size, uint64_t value) {
    return guarded(machine, [&](auto& platform) { platform.mmio_write(address, value, size, cpu); });
}

int smmusim_register_read(struct smmusim_machine* machine, unsigned cpu, const char* name, uint64_t* value) {
    return guarded(machine, [&](auto& platform) {
        u64 read = 0;
        if (!platform.interrupts(cpu).read(name, read)) throw std::invalid_argument("there is no such register");
        *value = read;
    });
}

int smmusim_register_write(struct smmusim_machine* machine, unsigned cpu, const char* name, uint64_t value) {
    return guarded(machine, [&](auto& platform) {
        if (!platform.interrupts(cpu).write(name, value)) throw std::invalid_argument("there is no such register");
    });
}

int smmusim_memory_read(struct smmusim_machine* machine, uint64_t address, void* data, size_t size) {
    return guarded(machine, [&](auto& platform) { std::memcpy(data, bytes_at(platform, address, size), size); });
}

int smmusim_memory_write(struct smmusim_machine* machine, uint64_t address, const void* data, size_t size) {
    return guarded(machine, [&](auto& platform) { std::memcpy(bytes_at(platform, address, size), data, size); });
}

void* smmusim_memory_at(struct smmusim_machine* machine, uint64_t address, size_t size) {
    void* result = nullptr;
    guarded(machine, [&](auto& platform) { result = bytes_at(platform, address, size); });
    return result;
}

int smmusim_run(struct smmusim_machine* machine, uint64_t duration) {
    return guarded(machine, [&](auto& platform) { platform.run(duration); });
}

int smmusim_run_until_idle(struct smmusim_machine* machine) {
    return guarded(machine, [&](auto& platform) { platform.run_until_idle(); });
}

uint64_t smmusim_now(const struct smmusim_machine* machine) { return machine->platform.now(); }

int smmusim_reset(struct smmusim_machine* machine, int clear_memory) {
    return guarded(machine, [&](auto& platform) { platform.reset(clear_memory != 0); });
}

int smmusim_on_irq(struct smmusim_machine* machine, unsigned cpu, smmusim_irq_callback* callback, void* context) {
    return guarded(machine, [&](auto& platform) {
        platform.interrupts(cpu);  // refuses a CPU that does not exist
        auto& observer = platform.open_machine().cpu_registers[cpu]->on_irq;
        if (callback == nullptr) observer = nullptr;
        else observer = [callback, context, cpu](bool asserted) { callback(context, cpu, asserted ? 1 : 0); };
    });
}
