#include "platform/platform.hpp"

#include <fmt/format.h>

#include "smmu/spec/identification_rules.hpp"

namespace smmusim::platform {

using sim::Scheduler;

namespace {

const char* status_text(sim::Status status) {
    switch (status) {
        case sim::Status::Unsupported: return "nothing decodes the address";
        case sim::Status::CompleterAbort: return "the target refused";
        case sim::Status::Poisoned: return "the data are poisoned";
        case sim::Status::Timeout: return "no answer";
        case sim::Status::Pending:
        case sim::Status::Ok:
        case sim::Status::Discarded: break;
    }
    return "no error";
}

/// Whatever ends a wait, what was waited for does not stop a later run.
struct GiveUp {
    bool& awaited;
    ~GiveUp() { awaited = false; }
};

/// Checked before anything is built.
const PlatformConfig& checked(const PlatformConfig& config) {
    if (const auto problem = config.problem())
        throw config::ConfigError({}, fmt::format("{}: {}", problem->path, problem->cause), problem->fix);
    return config;
}

}  // namespace

BusError::BusError(u64 address, u32 size, bool write, sim::Status status)
    : std::runtime_error(
          fmt::format("{} of {} bytes at {:#x}: {}", write ? "write" : "read", size, address, status_text(status))),
      address_(address),
      size_(size),
      write_(write) {}

PlatformConfig load_platform(const config::Node& tree, config::Origins* origins, const std::string& path) {
    config::Origins own;
    if (origins == nullptr) origins = &own;
    PlatformConfig config;
    config::load(config, tree, path, origins);
    // ID fields that were not given follow those that were.
    for (std::size_t index = 0; index < config.smmus.size(); ++index) {
        const std::string smmu = fmt::format("{}{}smmu{}.", path, path.empty() ? "" : ".", index);
        const auto given = [&](const std::string& field) { return origins->exact(smmu + field) != nullptr; };
        if (const auto problem = smmu::spec::settle(config.smmus[index].identification, given))
            throw origins->error(smmu + problem->field, problem->cause, problem->fix);
    }
    if (const auto problem = config.problem())
        throw origins->error(path.empty() ? problem->path : path + "." + problem->path, problem->cause, problem->fix);
    return config;
}

Platform::Platform(PlatformConfig config) try
    : config_(std::move(config)), machine_(checked(config_)), scope_(machine_.simulation, "a caller") {
} catch (const std::invalid_argument& error) {
    throw config::ConfigError({}, error.what(), "change the addresses of the machine");
}

Platform::~Platform() = default;

void Platform::start() {
    if (started_) return;
    started_ = true;
    machine_.bridge->run(now(), Scheduler::Until::Limit);
}

Machine& Platform::machine() {
    if (!started_) [[unlikely]] {
        const SimContext::Use use(machine_.context);
        start();
    }
    return machine_;
}

void Platform::run(Time duration) {
    const SimContext::Use use(machine_.context);
    start();
    const Time limit = duration > end_of_time - now() ? end_of_time : now() + duration;
    machine_.bridge->run(limit, Scheduler::Until::Limit);
}

void Platform::run_until_idle() {
    const SimContext::Use use(machine_.context);
    start();
    machine_.bridge->run(end_of_time, Scheduler::Until::Idle);
}

void Platform::run_until(const std::function<bool()>& done) {
    const SimContext::Use use(machine_.context);
    start();
    while (!done()) {
        machine_.bridge->run(end_of_time, Scheduler::Until::Idle);
        // Nobody stopped it: nothing is left that could go on.
        if (!done() && !simulation().scheduler().stopped())
            throw Blocked("nothing is left that could finish the operation\n" + waiting());
    }
}

void Platform::wait(const sim::DmaHandle& operation) {
    if (operation->done()) return;
    // The hook outlives a wait that is given up; then it does nothing.
    const auto waited_for = std::make_shared<bool>(true);
    auto before = std::move(operation->on_done);
    operation->on_done = [this, waited_for, before = std::move(before)](sim::DmaOperation& done) {
        if (*waited_for) stop();
        if (before) before(done);
    };
    const GiveUp give_up{*waited_for};
    run_until([&] { return operation->done(); });
}

void Platform::set_poll(std::function<void()> poll) {
    poll_ = std::move(poll);
    const auto call = [](void* self, void*) { static_cast<Platform*>(self)->poll_(); };
    machine_.simulation.scheduler().set_poll(poll_ ? +call : nullptr, this);
}

void Platform::reset(bool clear_memory) {
    require_outside_run();
    const SimContext::Use use(machine_.context);
    start();
    scope_.cancel();
    machine_.reset(clear_memory);
}

/// A CPU access on its way, kept by the activity that makes it: the caller may give up.
struct Platform::Transaction {
    sim::AccessPtr access;
    bool done = false;
    bool awaited = true;
};

sim::Task<> Platform::transact_on_bus(Platform* platform, u32 cpu, std::shared_ptr<Transaction> transaction) {
    sim::Port& port = *platform->machine_.cpu_ports[cpu];
    co_await sim::transfer(platform->machine_.simulation, port, *transaction->access, "a CPU's access on the bus");
    transaction->done = true;
    if (transaction->awaited) platform->stop();
}

u64 Platform::transact(sim::Command command, u64 address, u64 value, u32 size, u32 cpu) {
    if (size != 1 && size != 2 && size != 4 && size != 8)
        throw std::invalid_argument(fmt::format("an access of {} bytes; a CPU has 1, 2, 4 and 8", size));
    if (address % (4 * KiB) > 4 * KiB - size)
        throw std::invalid_argument(fmt::format("{} bytes at {:#x} cross a 4 KiB boundary", size, address));
    if (cpu >= machine_.cpus.size())
        throw std::invalid_argument(fmt::format("there is no cpu{}; the machine has {}", cpu, machine_.cpus.size()));
    require_outside_run();  // before anything is sent
    const SimContext::Use use(machine_.context);
    start();
    const auto transaction = std::make_shared<Transaction>();
    const GiveUp give_up{transaction->awaited};
    transaction->access = machine_.simulation.accesses().make(command, address, size);
    sim::Access& access = *transaction->access;
    access.attributes.transaction_class = sim::TransactionClass::Cpu;
    access.attributes.privileged = true;
    if (!memory().contains(address, size)) access.attributes.memory = sim::MemoryAttributes::device();
    if (command == sim::Command::Write) access.set_value(value);
    const bool write = command == sim::Command::Write;
    scope_.spawn(write ? "MMIO write" : "MMIO read", transact_on_bus(this, cpu, transaction));
    run_until([&] { return transaction->done; });
    if (!sim::succeeded(access.status)) throw BusError(address, size, write, access.status);
    return write ? 0 : access.value();
}

u64 Platform::mmio_read(u64 address, u32 size, u32 cpu) { return transact(sim::Command::Read, address, 0, size, cpu); }

void Platform::mmio_write(u64 address, u64 value, u32 size, u32 cpu) {
    transact(sim::Command::Write, address, value, size, cpu);
}

namespace {

void identify(sim::Attributes& attributes, const StreamIdentity& identity) {
    attributes.stream_id = identity.stream_id;
    attributes.substream_id = identity.substream_id;
    attributes.device_id = identity.device_id;
    attributes.privileged = identity.privileged;
    attributes.instruction = identity.instruction;
    attributes.secure = identity.secure;
    attributes.address_type = identity.address_type;
    attributes.no_write = identity.no_write;
}

}  // namespace

Requester& Platform::requester(const StreamIdentity& identity) {
    Requester* const requester = machine().requester(identity.smmu, identity.tbu);
    if (requester == nullptr)
        throw std::invalid_argument(fmt::format("there is no tbu{} of smmu{}", identity.tbu, identity.smmu));
    return *requester;
}

namespace {
[[noreturn, gnu::noinline]] void refuse_endpoint(std::size_t index, std::size_t count) {
    throw std::invalid_argument(fmt::format("there is no endpoint{}; the machine has {}", index, count));
}
}  // namespace

pcie::uarch::Endpoint& Platform::endpoint(std::size_t index) {
    const auto& endpoints = machine().endpoints;
    if (index >= endpoints.size()) [[unlikely]]
        refuse_endpoint(index, endpoints.size());
    return *endpoints[index];
}

void Platform::submit(const StreamIdentity& identity, const sim::DmaHandle& operation) {
    Requester& sender = requester(identity);
    const SimContext::Use use(machine_.context);
    identify(operation->attributes, identity);
    sender.submit(operation);
}

void Platform::submit(const StreamIdentity& identity, const PageHandle& operation) {
    Machine& parts = machine();
    if (identity.smmu >= parts.smmus.size())
        throw std::invalid_argument(fmt::format("there is no smmu{} to ask for a page", identity.smmu));
    const SimContext::Use use(machine_.context);
    sim::PageRequest& request = operation->request;
    request.stream_id = identity.stream_id;
    request.substream_id = identity.substream_id;
    request.privileged = identity.privileged;
    request.execute = identity.instruction;
    request.address &= ~sim::low_mask(12);
    parts.ats_requesters[identity.smmu]->expect(operation);
    parts.smmus[identity.smmu]->page_request(request);
}

std::vector<sim::SlotHistory> Platform::occupancy() {
    std::vector<sim::SlotHistory> histories;
    for (const auto& smmu : machine().smmus)
        for (sim::SlotHistory& history : smmu->occupancy())
            histories.push_back({smmu->name() + "." + history.name, std::move(history.windows)});
    return histories;
}

const std::vector<sim::AtcInvalidation>& Platform::invalidations(const StreamIdentity& identity) {
    Machine& parts = machine();
    if (identity.smmu >= parts.smmus.size())
        throw std::invalid_argument(fmt::format("there is no smmu{}", identity.smmu));
    return parts.ats_requesters[identity.smmu]->invalidations(identity.stream_id);
}

void Platform::submit(std::size_t index, const sim::DmaHandle& operation) {
    pcie::uarch::Endpoint& function = endpoint(index);
    const SimContext::Use use(machine_.context);
    function.submit(operation);
}

std::shared_ptr<Traffic> Platform::start_traffic(const StreamIdentity& identity, TrafficPlan plan) {
    Requester& sender = requester(identity);
    const SimContext::Use use(machine_.context);
    identify(plan.attributes, identity);
    const auto submit = [&sender](const sim::DmaHandle& operation) { sender.submit(operation); };
    const auto traffic = std::make_shared<Traffic>(simulation(), plan, submit);
    traffic->start();
    return traffic;
}

std::shared_ptr<Traffic> Platform::start_traffic(std::size_t index, TrafficPlan plan) {
    pcie::uarch::Endpoint& function = endpoint(index);
    const SimContext::Use use(machine_.context);
    const auto submit = [&function](const sim::DmaHandle& operation) { function.submit(operation); };
    const auto traffic = std::make_shared<Traffic>(simulation(), plan, submit);
    traffic->start();
    return traffic;
}

void Platform::wait(Traffic& traffic) {
    if (traffic.done()) return;
    traffic.on_done = [this] { stop(); };
    struct GiveUp {
        Traffic& traffic;
        ~GiveUp() { traffic.on_done = nullptr; }
    } const give_up{traffic};
    run_until([&] { return traffic.done(); });
}

gic::uarch::CpuInterface& Platform::interrupts(u32 cpu) {
    if (cpu >= machine_.cpus.size())
        throw std::invalid_argument(fmt::format("there is no cpu{}; the machine has {}", cpu, machine_.cpus.size()));
    return machine_.gic->cpu_interface(cpu);
}

void Platform::statistics(sim::StatisticsVisitor& visit) {
    machine_.statistics(visit);
    for (sim::HasStatistics* others : others_) others->statistics(visit);
}

}  // namespace smmusim::platform
