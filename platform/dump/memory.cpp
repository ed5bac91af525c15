#include "platform/dump/memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "platform/config/error.hpp"

namespace smmusim::platform::dump {

using config::ConfigError;

namespace {

constexpr const char* memory_form = "write it like table.bin@0x40000000";

u64 address_of(const std::string& argument, const std::string& digits) {
    try {
        std::size_t used = 0;
        const u64 address = std::stoull(digits, &used, 0);
        if (used == digits.size() && digits[0] != '-') return address;
    } catch (const std::logic_error&) {
    }
    throw ConfigError({"--memory"}, "'" + digits + "' in '" + argument + "' is no address", memory_form);
}

}  // namespace

MemoryFiles::~MemoryFiles() {
    for (const File& file : files_) close(file.descriptor);
}

void MemoryFiles::add(const std::string& argument) {
    const std::size_t sign = argument.rfind('@');
    if (sign == std::string::npos || sign == 0 || sign + 1 == argument.size())
        throw ConfigError({"--memory"}, "'" + argument + "' does not say which file lies at which address",
                          memory_form);
    const std::string name = argument.substr(0, sign);
    const u64 base = address_of(argument, argument.substr(sign + 1));
    const int descriptor = open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        throw ConfigError({"--memory"}, name + " cannot be read: " + std::strerror(errno), "name an image of memory");
    struct stat status {};
    fstat(descriptor, &status);
    const u64 size = static_cast<u64>(status.st_size);
    files_.push_back({name, descriptor, base, size});
    if (!S_ISREG(status.st_mode)) throw ConfigError({"--memory"}, name + " is not a file", "name an image of memory");
    if (size == 0) throw ConfigError({"--memory"}, name + " is empty", "name an image of memory");
    if (base + (size - 1) < base)
        throw ConfigError({"--memory"}, fmt::format("{} at {:#x} ends beyond 64 bits", name, base), memory_form);
    for (auto other = files_.begin(); other != files_.end() - 1; ++other)
        if (base <= other->base + (other->size - 1) && other->base <= base + (size - 1))
            throw ConfigError({"--memory"},
                              fmt::format("{} at {:#x} and {} at {:#x} overlap", other->name, other->base, name, base),
                              "place every address once");
}

bool MemoryFiles::read(u64 address, void* data, u32 size) {
    const auto file = std::ranges::find_if(files_, [&](const File& candidate) {
        return address >= candidate.base &&
               address - candidate.base <= candidate.size - std::min<u64>(size, candidate.size) &&
               size <= candidate.size;
    });
    if (file != files_.end() &&
        pread(file->descriptor, data, size, static_cast<off_t>(address - file->base)) == static_cast<ssize_t>(size))
        return true;
    missing_.push_back(address);
    return false;
}

std::string file_name(u64 base) { return fmt::format("memory-{:#x}.bin", base); }

}  // namespace smmusim::platform::dump
