// A machine that can be run, looked at and talked to: what the scenario engine, Python and C see.
#pragma once

#include <functional>
#include <stdexcept>

#include "platform/config/loader.hpp"
#include "platform/machine.hpp"
#include "platform/results/files.hpp"
#include "platform/traffic.hpp"

namespace smmusim::platform {

/// A CPU's access that no target decodes, or that its target refused.
class BusError : public std::runtime_error {
public:
    BusError(u64 address, u32 size, bool write, sim::Status status);
    u64 address() const { return address_; }
    u32 size() const { return size_; }
    bool write() const { return write_; }

private:
    u64 address_;
    u32 size_;
    bool write_;
};

/// An operation that cannot finish: nothing is left that could finish it. what() says who waits for whom.
class Blocked : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Who a raw requester claims to be, and where it sits.
struct StreamIdentity {
    u32 stream_id = 0;
    u32 substream_id = sim::no_id;
    u32 device_id = sim::no_id;
    bool privileged = false;
    bool instruction = false;
    bool secure = false;
    sim::AddressType address_type = sim::AddressType::Untranslated;
    bool no_write = false;  ///< of a translation request: the page need not become writable
    u32 smmu = 0;
    u32 tbu = 0;
};

/// A machine from a tree (a preset with overrides), with errors at the place that caused them.
PlatformConfig load_platform(const config::Node& tree, config::Origins* origins = nullptr,
                             const std::string& path = "");

class Platform {
public:
    /// Throws config::ConfigError when the machine cannot be built as described.
    explicit Platform(PlatformConfig config);
    ~Platform();
    Platform(const Platform&) = delete;
    Platform& operator=(const Platform&) = delete;

    const PlatformConfig& config() const { return config_; }

    /// The parts. From the first call on the machine is closed: no foreign module can be added any more.
    Machine& machine();
    /// The same before that, to add foreign modules inside SimContext::Use(context()).
    Machine& open_machine() { return machine_; }
    SimContext& context() { return machine_.context; }
    sim::Simulation& simulation() { return machine_.simulation; }
    /// The backdoor at the coherent point.
    memory::Storage& memory() { return machine_.ram->storage(); }
    const std::vector<results::Event>& events() const { return machine_.events.events(); }
    /// The use of slots over time, of the SMMUs whose configuration keeps it.
    std::vector<sim::SlotHistory> occupancy();

    // Time. Exceptions of activities and callbacks arrive here; stop() makes the run under way return early.
    Time now() const { return machine_.simulation.now(); }
    void run(Time duration);
    void run_until_idle();
    /// Until `done()`, which is asked whenever something stops the run; throws Blocked when idle before.
    void run_until(const std::function<bool()>& done);
    /// Until the operation is done.
    void wait(const sim::DmaHandle& operation);
    void stop() { machine_.simulation.scheduler().stop(); }
    /// Throws std::logic_error when called by a callback of a run.
    void require_outside_run() const { machine_.bridge->require_outside_run(); }
    /// Nothing in flight but timers and what waits for software.
    bool idle() const { return !machine_.bridge->busy(); }
    std::string waiting() const { return machine_.simulation.waiting(); }
    /// Called every few thousand events; an exception from it ends the run.
    void set_poll(std::function<void()> poll);

    /// Architected reset of every device; work in flight is dropped. Memory, time and statistics stay. Everything that
    /// is scheduled is cancelled: activities of software must be gone, or be destroyed afterwards. Like all that lets
    /// time pass it throws std::logic_error inside a run.
    void reset(bool clear_memory = false);

    // A load or store of a CPU, complete in simulated time when it returns; throws BusError or Blocked, and
    // std::invalid_argument for an access that no CPU makes in one piece.
    u64 mmio_read(u64 address, u32 size, u32 cpu = 0);
    void mmio_write(u64 address, u64 value, u32 size, u32 cpu = 0);

    /// Sends an operation as a raw requester. Throws std::invalid_argument for what cannot be sent.
    void submit(const StreamIdentity& identity, const sim::DmaHandle& operation);
    /// Sends a page request as a raw requester; `read` to `group` of the operation's request say what for.
    void submit(const StreamIdentity& identity, const PageHandle& operation);
    /// What the SMMU has asked a raw requester to forget.
    const std::vector<sim::AtcInvalidation>& invalidations(const StreamIdentity& identity);
    /// Sends an operation as a function.
    void submit(std::size_t endpoint, const sim::DmaHandle& operation);

    /// Starts many operations of a raw requester, or of a function. Throws std::invalid_argument for what cannot be
    /// sent.
    std::shared_ptr<Traffic> start_traffic(const StreamIdentity& identity, TrafficPlan plan);
    std::shared_ptr<Traffic> start_traffic(std::size_t endpoint, TrafficPlan plan);
    /// Until all of them have ended.
    void wait(Traffic& traffic);

    gic::uarch::CpuInterface& interrupts(u32 cpu);

    /// Components; and others that somebody registered, such as software.
    void statistics(sim::StatisticsVisitor& visit);
    void add_statistics(sim::HasStatistics& others) { others_.push_back(&others); }
    void remove_statistics(sim::HasStatistics& others) { std::erase(others_, &others); }

private:
    struct Transaction;
    Requester& requester(const StreamIdentity& identity);
    pcie::uarch::Endpoint& endpoint(std::size_t index);
    void start();
    u64 transact(sim::Command command, u64 address, u64 value, u32 size, u32 cpu);
    static sim::Task<> transact_on_bus(Platform* platform, u32 cpu, std::shared_ptr<Transaction> transaction);

    PlatformConfig config_;
    Machine machine_;
    bool started_ = false;
    std::function<void()> poll_;
    std::vector<sim::HasStatistics*> others_;
    sim::Scope scope_;
};

}  // namespace smmusim::platform
