// What the steps of a scenario act on: the machine, its software, and everything that steps have named.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/platform.hpp"
#include "scenarios/engine/expectation.hpp"
#include "scenarios/engine/memory_image.hpp"
#include "scenarios/engine/pattern.hpp"
#include "scenarios/engine/scenario.hpp"
#include "sw/host.hpp"
#include "sw/kvm/guest_stage1.hpp"

namespace smmusim::scenarios {

/// What a handler finds in memory when the message arrives that announces it.
struct Announced {
    u64 address = 0;  ///< physical
    u8 value = 0;
};

/// One vector as a scenario watches it.
struct WatchedVector {
    WatchedVector(sim::Simulation& simulation, std::string name) : fired(simulation, std::move(name)) {}
    u64 handled = 0;
    u32 expected_cpu = 0;
    std::optional<u32> left_cpu;  ///< where messages that were sent before a move may still arrive
    sw::msi::Message message;     ///< as it stood when the vector was enabled or moved; stays after it is disabled
    std::vector<Announced> announced;
    sim::Signal fired;
};

/// A function under the name that the scenario gives it.
struct Device {
    std::string name;
    std::size_t endpoint = 0;
    sw::HostDevice* host = nullptr;  ///< null until booted
    std::deque<WatchedVector> vectors;

    u64 operations = 0;  ///< DMA operations that ended
    u64 failed = 0;      ///< not ok
    u64 bytes_checked = 0;
    u64 wrong_bytes = 0;
    u64 handled = 0;    ///< runs of handlers
    u64 wrong_cpu = 0;  ///< on another CPU than the vector's
    u64 announced_reads = 0;
    u64 stale_reads = 0;  ///< a handler did not find the byte that its message announced
};

/// An operation that a step has sent. The signal is shared: the operation may end after the step was given up.
struct Submission {
    Submission(Device& from, sim::DmaHandle sent, std::shared_ptr<sim::Signal> end)
        : device(from), operation(std::move(sent)), ended(std::move(end)) {}
    Device& device;
    sim::DmaHandle operation;
    std::shared_ptr<sim::Signal> ended;
};

/// A guest, or another user of assigned functions.
struct Assigned {
    std::unique_ptr<sw::vfio::Container> container;
    std::unique_ptr<sw::kvm::Guest> guest;
    std::unique_ptr<sw::kvm::GuestStage1> stage1;
    sw::iommu::Domain* nested = nullptr;
};

/// Memory that functions and software share.
struct Buffer {
    std::string guest;
    u64 iova = 0;     ///< as functions see it
    u64 address = 0;  ///< guest-physical
    u64 host = 0;     ///< physical
    u64 size = 0;
};

/// A snapshot of memory and what it leaves out.
struct Marked {
    Marked(std::vector<Range> left_out, MemoryImage held) : excluded(std::move(left_out)), image(std::move(held)) {}
    std::vector<Range> excluded;
    MemoryImage image;
};

class Stage final : public sim::HasStatistics {
public:
    Stage(platform::Platform& platform, const sw::SoftwareConfig& software, const Scenario& scenario);
    ~Stage() override;

    platform::Platform& platform() { return platform_; }
    sim::Simulation& simulation() { return platform_.simulation(); }
    sim::Scope& scope() { return scope_; }
    Sequence& random() { return random_; }
    /// Numbers the passes over buffers, so that the data of each is its own.
    u64 next_pass() { return ++passes_; }

    /// The software stack; a StepFailure before boot().
    sw::Host& host();
    sim::Task<> boot();
    sw::cpu::Cpu& cpu(u32 index);

    Device& device(const std::string& name);
    pcie::uarch::Endpoint& endpoint(const Device& device) { return *platform_.machine().endpoints[device.endpoint]; }
    /// The same for calls of software; a StepFailure if it did not find the function.
    sw::HostDevice& host_device(const std::string& name);
    WatchedVector& vector(const std::string& device, u32 index);
    std::map<std::string, Assigned> assigned;
    std::map<std::string, Buffer> buffers;
    std::map<std::string, Marked> snapshots;

    /// Physical memory for a guest, outside the host's own.
    u64 allocate(u64 size);
    /// Ranges by the names that scenarios use: of a buffer, host, event_queue.
    std::vector<Range> ranges(const std::vector<std::string>& names);

    /// Sends an operation as the function.
    Submission submit(Device& device, sim::DmaHandle operation);
    /// Waits for its end and counts it.
    sim::Task<> finish(Submission submission);
    /// Notes messages and routes of the function's vectors, and watches its handlers.
    void watch(Device& device);
    /// The same for all, after a CPU of a guest has moved.
    void watch_all();
    /// What the handler of every watched vector does.
    sim::Task<> on_interrupt(sw::cpu::Cpu& cpu, sw::msi::Source& source, u32 index);

    /// Throws a StepFailure unless `error` is 0; `what` says what was tried.
    static void require(int error, const std::string& what);

    std::vector<Verdict> verdicts;  ///< of checks on the way
    void statistics(sim::StatisticsVisitor& visit) override;

private:
    u32 handling_cpu(const sw::msi::Vector& vector) const;
    static u64 doorbell_references(const Assigned& user);

    platform::Platform& platform_;
    sw::SoftwareConfig software_;
    sw::MachineDescription description_;
    Sequence random_;
    u64 passes_ = 0;
    std::vector<std::unique_ptr<Device>> devices_;
    std::unique_ptr<sw::cpu::PagePool> free_memory_;
    std::unique_ptr<sw::Host> host_;
    sim::Scope scope_;  ///< last: its activities use all of the above
};

}  // namespace smmusim::scenarios
