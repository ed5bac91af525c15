// Doorbells of SPIs besides the distributor's own: frames with aliases of its message registers, and a window whose
// addresses name the CPU.
#pragma once

#include "gic/spec/distributor.hpp"

namespace smmusim::gic::spec {

/// A frame of 64 KiB with aliases of GICD_SETSPI_NSR and GICD_CLRSPI_NSR (IHI 0069, GICM_*).
inline constexpr u64 message_frame_size = 64 * KiB;
inline constexpr u32 gicm_setspi = 0x40;
inline constexpr u32 gicm_clrspi = 0x48;

struct GicmTyper : sim::Record<1> {
    static constexpr sim::Bits<10, 0> NumSPIs{};
    static constexpr sim::Bits<28, 16> INTID{};
    static constexpr sim::Bit CLR{30};  ///< the clear register exists
    static constexpr sim::Bit Valid{31};
};

template <class Device>
inline constexpr std::array message_frame_registers{
    sim::Register<Device>{.name = "GICM_TYPER", .offset = 0x004, .on_read = &Device::read_typer},
    // Doorbells: write-only, taken as messages before they get here.
    sim::Register<Device>{.name = "GICM_SETSPI_NSR", .offset = gicm_setspi},
    sim::Register<Device>{.name = "GICM_CLRSPI_NSR", .offset = gicm_clrspi},
    sim::Register<Device>{.name = "GICM_IIDR", .offset = 0xFCC, .reset = implementer_iidr},
};

/// A message to a fixed window as on x86: the address names the CPU, the data the vector (Intel SDM 3A, 11.11).
inline constexpr u64 message_window_size = 1 * MiB;
inline constexpr u64 message_window_page = 4 * KiB;  ///< of each CPU: address bits [19:12]

struct WindowData : sim::Record<1> {
    static constexpr sim::Bits<7, 0> Vector{};
    static constexpr sim::Bits<10, 8> DeliveryMode{};  ///< 0: fixed
};
inline constexpr u32 first_window_vector = 32;  ///< those below are exceptions

}  // namespace smmusim::gic::spec
