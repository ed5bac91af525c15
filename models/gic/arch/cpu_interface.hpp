// Masks, running priority and active priorities of a CPU interface: may this interrupt be signalled? (IHI 0069, 4.8)
#pragma once

#include <array>

#include "gic/arch/candidate.hpp"
#include "gic/spec/cpu_interface.hpp"

namespace smmusim::gic::arch {

class CpuInterface {
public:
    CpuInterface(u8 priority_bits, u32 id_bits) : priority_bits_(priority_bits), id_bits_(id_bits) { reset(); }

    void reset();

    Groups groups() const { return groups_; }

    /// Of an enabled group, more urgent than the mask, and more urgent than what runs.
    bool passes(const Candidate& candidate) const;
    u8 running_priority() const;
    /// Group of what runs; 1 when idle.
    u8 running_group() const { return highest_level(0) < highest_level(1) ? 0 : 1; }

    /// The interrupt was acknowledged: its group priority becomes active.
    void activate(const Candidate& candidate);
    /// Priority drop: ends the highest active priority, if it is of this group.
    void drop(u8 group);
    bool end_deactivates() const { return !separate_deactivation_; }

    /// Registers without effect beyond this class; the others belong to whoever holds the interrupts.
    u64 read(spec::Icc name) const;
    void write(spec::Icc name, u64 value);

private:
    static constexpr unsigned max_levels = 128;

    u8 preemption_bits() const { return priority_bits_ < 7 ? priority_bits_ : 7; }
    u8 minimum_bpr0() const { return static_cast<u8>(7 - preemption_bits()); }
    u8 minimum_bpr1() const { return static_cast<u8>(minimum_bpr0() + 1); }
    u8 group_priority(const Candidate& candidate) const;
    u32 highest_level(u8 group) const;

    u8 priority_bits_;
    u32 id_bits_;
    Groups groups_ = 0;
    u8 mask_ = 0;
    u8 bpr0_ = 0;
    u8 bpr1_ = 0;
    bool common_binary_point_ = false;
    bool separate_deactivation_ = false;
    /// Active priorities by group; one bit per pre-emption level, most urgent first.
    std::array<std::array<u32, max_levels / 32>, 2> active_{};
};

}  // namespace smmusim::gic::arch
