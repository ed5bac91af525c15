// What tests of a whole machine share: its headers, and operations to submit.
#pragma once

#include "platform/platform.hpp"

#include <gtest/gtest.h>

#include "platform/config/parameters.hpp"
#include "platform/config/source.hpp"
#include "platform/foreign_modules.hpp"
#include "platform/results/digest.hpp"

namespace smmusim::platform {

using sim::Status;

inline constexpr u64 ram = 0x40000000;

inline sim::DmaHandle read_of(u64 address, u64 size) {
    auto operation = std::make_shared<sim::DmaOperation>();
    operation->address = address;
    operation->size = size;
    return operation;
}
inline sim::DmaHandle write_of(u64 address, std::vector<u8> data) {
    auto operation = read_of(address, data.size());
    operation->command = sim::Command::Write;
    operation->data = std::move(data);
    return operation;
}

}  // namespace smmusim::platform
