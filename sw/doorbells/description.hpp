// Doorbells besides the ITS, as the firmware of a machine describes them.
#pragma once

#include <vector>

#include "sim/types.hpp"

namespace smmusim::sw::doorbells {

/// CPUs of one cluster: [first, first + count).
struct Cluster {
    u64 frame = 0;  ///< address of the cluster's frame
    u32 first_cpu = 0;
    u32 cpus = 0;
};

/// A window of I/O addresses that is decoded before translation: a page for each CPU.
struct FixedWindow {
    u64 base = 0;
    u64 size = 0;
    u32 first_spi = 0;  ///< INTID of the first SPI of CPU 0
    u32 count = 0;      ///< vectors of a CPU; 0: the machine has no such window
    u32 first_vector = 0;
};

struct DoorbellDescription {
    u64 gicv2m = 0;                 ///< address of the GICv2m frame; 0: none
    u64 mbi = 0;                    ///< address of the frame with the alias of GICD_SETSPI_NSR; 0: none
    std::vector<Cluster> clusters;  ///< of the multi-frame controller; empty: none
    FixedWindow window;
};

}  // namespace smmusim::sw::doorbells
