// A window of registers on the bus: arrival, latency, reserved offsets, and accesses that are more than registers.
#pragma once

#include <string>

#include "sim/access.hpp"
#include "sim/clock.hpp"
#include "sim/register_file.hpp"
#include "sim/statistics.hpp"

namespace smmusim::gic::uarch {

/// Addresses of accesses are absolute. Undefined, misaligned and wrong-size accesses are RAZ/WI and reported as
/// discarded.
class Frame : public sim::Target {
public:
    Frame(sim::Simulation& simulation, std::string name, const sim::Clock& clock, u64 base, u64 size, u32 cycles);

    void receive(sim::Access& access, Time at) final;
    Time perform(sim::Access& access) final;
    void inspect(sim::Access& access) final;

    u64 base() const { return base_; }
    u64 size() const { return size_; }
    const std::string& name() const { return name_; }

    /// Name of the counters: accesses, discarded accesses.
    void statistics(sim::StatisticsVisitor& visit);

protected:
    virtual bool defined(u64 offset, u32 size) const = 0;
    virtual u64 read(u64 offset, u32 size) = 0;
    virtual void write(u64 offset, u32 size, u64 value) = 0;

    /// A message instead of a register access; true: taken, the frame answers as for a register.
    virtual bool take_message(sim::Access& access, u64 offset);
    /// The same for a timed access that the taker answers itself.
    virtual bool take_over(sim::Access& access, u64 offset);

private:
    static void arrived(void* frame, void* access);
    void arrive(sim::Access& access);
    sim::Status apply(sim::Access& access, u64 offset);

    sim::Simulation& simulation_;
    std::string name_;
    const sim::Clock& clock_;
    u64 base_;
    u64 size_;
    u32 cycles_;
    u64 accesses_ = 0;
    u64 discarded_ = 0;
};

/// Doorbells of SPIs take 32-bit writes, and 16-bit ones whose upper half counts as zero (IHI 0069, 12.9).
bool is_message(const sim::Access& access);

/// A frame whose registers are a table of `Device`.
template <class Device, const auto& Table>
class RegisterFrame : public Frame {
public:
    RegisterFrame(sim::Simulation& simulation, std::string name, const sim::Clock& clock, u64 base, u64 size,
                  u32 cycles, Device& device)
        : Frame(simulation, std::move(name), clock, base, size, cycles), device_(device) {}

    sim::RegisterFile<Device, Table>& registers() { return registers_; }
    /// By architected name; `found` tells whether there is such a register.
    u64 read_named(std::string_view name, bool& found) { return registers_.read_named(device_, name, found); }

protected:
    bool defined(u64 offset, u32 size) const override { return registers_.defined(offset, size); }
    u64 read(u64 offset, u32 size) override { return registers_.read(device_, offset, size); }
    void write(u64 offset, u32 size, u64 value) override { registers_.write(device_, offset, size, value); }

private:
    Device& device_;
    sim::RegisterFile<Device, Table> registers_;
};

}  // namespace smmusim::gic::uarch
