// System registers by which a hypervisor gives interrupts to a guest (IHI 0069, 12.4).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::gic::spec {

inline constexpr u32 list_registers = 4;
inline constexpr u32 maintenance_interrupt = 25;  ///< the PPI of the base system architecture

struct IchHcr : sim::Record<1> {
    static constexpr sim::Bit En{0};
    static constexpr sim::Bit UIE{1};
    static constexpr sim::Bit LRENPIE{2};
    static constexpr sim::Bit NPIE{3};
    static constexpr sim::Bits<31, 27> EOIcount{};
    static constexpr u64 writable = 0xF800'000F;
};

struct IchVmcr : sim::Record<1> {
    static constexpr sim::Bit VENG0{0};
    static constexpr sim::Bit VENG1{1};
    static constexpr sim::Bit VFIQEn{3};  ///< RAO/WI with system registers
    static constexpr sim::Bit VCBPR{4};
    static constexpr sim::Bit VEOIM{9};
    static constexpr sim::Bits<20, 18> VBPR1{};
    static constexpr sim::Bits<23, 21> VBPR0{};
    static constexpr sim::Bits<31, 24> VPMR{};
};

struct IchVtr : sim::Record<1> {
    static constexpr sim::Bits<4, 0> ListRegs{};   ///< minus 1
    static constexpr sim::Bit nV4{20};             ///< no direct injection
    static constexpr sim::Bits<25, 23> IDbits{};   ///< 0: 16 bits, 1: 24 bits
    static constexpr sim::Bits<28, 26> PREbits{};  ///< minus 1
    static constexpr sim::Bits<31, 29> PRIbits{};  ///< minus 1
};

struct IchLr : sim::Record<1> {
    static constexpr sim::Bits<31, 0> vINTID{};
    static constexpr sim::Bits<44, 32> pINTID{};
    static constexpr sim::Bit EOI{41};  ///< HW = 0: a maintenance interrupt when it ends
    static constexpr sim::Bits<55, 48> Priority{};
    static constexpr sim::Bit Group{60};
    static constexpr sim::Bit HW{61};
    static constexpr sim::Bit Pending{62};
    static constexpr sim::Bit Active{63};
    static constexpr u64 writable = 0xF0FF'1FFF'FFFF'FFFF;

    bool valid() const { return operator[](Pending) || operator[](Active); }
};

struct IchMisr : sim::Record<1> {
    static constexpr sim::Bit EOI{0};
    static constexpr sim::Bit U{1};
    static constexpr sim::Bit LRENP{2};
    static constexpr sim::Bit NP{3};
};

}  // namespace smmusim::gic::spec
