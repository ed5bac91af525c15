// Pieces of memory that somebody dumped from a machine, as files; they are read where they lie.
#pragma once

#include <string>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::platform::dump {

class MemoryFiles {
public:
    MemoryFiles() = default;
    ~MemoryFiles();
    MemoryFiles(const MemoryFiles&) = delete;
    MemoryFiles& operator=(const MemoryFiles&) = delete;

    /// "FILE@ADDRESS": the file holds memory from the address on. Throws ConfigError.
    void add(const std::string& argument);

    /// False if the files do not hold all of the bytes; `missing` then has the address.
    bool read(u64 address, void* data, u32 size);
    /// Addresses that were read in vain, in order.
    const std::vector<u64>& missing() const { return missing_; }

private:
    struct File {
        std::string name;
        int descriptor;
        u64 base;
        u64 size;
    };
    std::vector<File> files_;
    std::vector<u64> missing_;
};

/// The name of the file for memory from `base` on.
std::string file_name(u64 base);

}  // namespace smmusim::platform::dump
