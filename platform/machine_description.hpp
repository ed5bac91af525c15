// What the software of a machine is told about it, as firmware would.
#pragma once

#include "platform/platform_config.hpp"
#include "sw/machine.hpp"

namespace smmusim::platform {

/// Software gets the top of RAM for its tables and queues, a quarter but at most 256 MiB; the rest is for its users.
sw::MachineDescription describe(const PlatformConfig& config);

}  // namespace smmusim::platform
