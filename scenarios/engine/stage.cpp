#include "scenarios/engine/stage.hpp"

#include <fmt/format.h>

#include <cstring>

#include "pcie/arch/requester_id.hpp"
#include "platform/machine_description.hpp"

namespace smmusim::scenarios {

Stage::Stage(platform::Platform& platform, const sw::SoftwareConfig& software, const Scenario& scenario)
    : platform_(platform),
      software_(software),
      description_(platform::describe(platform.config())),
      random_(scenario.seed),
      scope_(platform.simulation(), "scenario") {
    const memory::Storage& memory = platform.memory();
    const u64 size = description_.host_memory.base - memory.base();
    if (size != 0) free_memory_ = std::make_unique<sw::cpu::PagePool>(memory.base(), size);
    for (std::size_t index = 0; index < platform.config().endpoints.size(); ++index) {
        auto device = std::make_unique<Device>();
        device->name = index < scenario.devices.size() ? scenario.devices[index] : "endpoint" + std::to_string(index);
        device->endpoint = index;
        devices_.push_back(std::move(device));
    }
    platform_.add_statistics(*this);
}

Stage::~Stage() {
    platform_.remove_statistics(*this);
    scope_.cancel();
    if (host_) host_->abandon();
    assigned.clear();
}

void Stage::require(int error, const std::string& what) {
    if (error != 0) throw StepFailure(fmt::format("{}: {} ({})", what, std::strerror(-error), error));
}

sw::Host& Stage::host() {
    if (!host_) throw StepFailure("no software has been booted; the step `boot` does it");
    return *host_;
}

sim::Task<> Stage::boot() {
    if (host_) throw StepFailure("the software has been booted already");
    std::vector<sw::cpu::Cpu*> cpus;
    for (const auto& cpu : platform_.machine().cpus) cpus.push_back(cpu.get());
    host_ = std::make_unique<sw::Host>(simulation(), software_, description_, std::move(cpus));
    const int error = co_await host_->boot();
    require(error, "boot: " + host_->failure());
    for (const auto& device : devices_)
        device->host = host_->device(platform_.machine().endpoints[device->endpoint]->address().global_id());
}

sw::cpu::Cpu& Stage::cpu(u32 index) {
    if (index >= host().cpus())
        throw StepFailure(fmt::format("there is no cpu{}; the machine has {}", index, host().cpus()));
    return host().cpu(index);
}

Device& Stage::device(const std::string& name) {
    for (const auto& device : devices_)
        if (device->name == name) return *device;
    throw StepFailure("there is no device '" + name + "'");
}

sw::HostDevice& Stage::host_device(const std::string& name) {
    host();
    Device& found = device(name);
    if (found.host == nullptr) throw StepFailure("the software did not find device '" + name + "'");
    return *found.host;
}

WatchedVector& Stage::vector(const std::string& name, u32 index) {
    Device& found = device(name);
    if (index >= found.vectors.size())
        throw StepFailure(
            fmt::format("device '{}' never had a vector {}; {} were enabled", name, index, found.vectors.size()));
    return found.vectors[index];
}

u64 Stage::allocate(u64 size) {
    const std::optional<u64> address = free_memory_ ? free_memory_->allocate(size) : std::nullopt;
    if (!address) throw StepFailure(fmt::format("there are no {} bytes of memory left for guests", size));
    return *address;
}

std::vector<Range> Stage::ranges(const std::vector<std::string>& names) {
    std::vector<Range> result;
    for (const std::string& name : names) {
        if (name == "host") result.push_back({description_.host_memory.base, description_.host_memory.size});
        if (const auto buffer = buffers.find(name); buffer != buffers.end())
            result.push_back({buffer->second.host, buffer->second.size});
        if (name == "event_queue")
            for (const auto& smmu : platform_.machine().smmus) {
                bool found = false;
                const u64 base = smmu->read_register("EVENTQ_BASE", found);
                // ADDR is bits [51:5], LOG2SIZE bits [4:0]; a record has 32 bytes (IHI 0070, 6.3.29 and 7.1).
                if (found) result.push_back({sim::bits_of(base, 51, 5) << 5, u64{32} << sim::bits_of(base, 4, 0)});
            }
    }
    return result;
}

Submission Stage::submit(Device& from, sim::DmaHandle operation) {
    const auto ended = std::make_shared<sim::Signal>(simulation(), "the end of a DMA operation of " + from.name);
    operation->on_done = [ended](sim::DmaOperation&) { ended->notify_all(); };
    endpoint(from).submit(operation);
    return Submission(from, std::move(operation), ended);
}

sim::Task<> Stage::finish(Submission submission) {
    while (!submission.operation->done()) co_await submission.ended->wait();
    ++submission.device.operations;
    if (submission.operation->status != sim::Status::Ok) ++submission.device.failed;
}

void Stage::watch(Device& watched) {
    const auto& vectors = watched.host->msi.vectors;
    for (std::size_t index = 0; index < vectors.size(); ++index) {
        if (index == watched.vectors.size())
            watched.vectors.emplace_back(simulation(), fmt::format("a handler of {} vector {}", watched.name, index));
        if (!vectors[index]) continue;
        watched.vectors[index].message = vectors[index]->message;
        watched.vectors[index].expected_cpu = handling_cpu(*vectors[index]);
    }
}

u32 Stage::handling_cpu(const sw::msi::Vector& vector) const {
    for (const auto& [name, user] : assigned)
        if (vector.forwarded && user.guest->forwards(vector)) return user.guest->cpu_of(vector);
    return vector.cpu;
}

void Stage::watch_all() {
    for (const auto& each : devices_)
        if (each->host != nullptr) watch(*each);
}

sim::Task<> Stage::on_interrupt(sw::cpu::Cpu& cpu, sw::msi::Source& source, u32 index) {
    for (const auto& candidate : devices_) {
        Device& found = *candidate;
        if (found.host == nullptr || &found.host->msi != &source || index >= found.vectors.size()) continue;
        WatchedVector& watched = found.vectors[index];
        const std::vector<Announced> announced = std::exchange(watched.announced, {});
        for (const Announced& byte : announced) {
            const sw::cpu::Loaded loaded = co_await cpu.load(byte.address, 1);
            ++found.announced_reads;
            if (!loaded.ok() || loaded.value != byte.value) ++found.stale_reads;
        }
        ++watched.handled;
        ++found.handled;
        if (cpu.index() != watched.expected_cpu && cpu.index() != watched.left_cpu) ++found.wrong_cpu;
        watched.fired.notify_all();
    }
}

void Stage::statistics(sim::StatisticsVisitor& visit) {
    if (host_) host_->statistics(visit);
    visit.enter("run");
    for (const auto& device : devices_) {
        visit.enter(device->name);
        visit.counter("operations", device->operations, "operations", "DMA operations of steps that ended");
        visit.counter("failed", device->failed, "operations", "those that ended not ok");
        visit.counter("bytes_checked", device->bytes_checked, "bytes", "bytes whose value was checked");
        visit.counter("wrong_bytes", device->wrong_bytes, "bytes", "bytes that were not what they had to be");
        visit.counter("handled", device->handled, "runs", "runs of interrupt handlers");
        visit.counter("wrong_cpu", device->wrong_cpu, "runs", "runs on another CPU than the vector's");
        visit.counter("announced_reads", device->announced_reads, "reads",
                      "reads by handlers of the byte that their message announced");
        visit.counter("stale_reads", device->stale_reads, "reads", "those that found another value");
        const bool known = !device->vectors.empty();
        visit.gauge("message_address", known ? device->vectors[0].message.address : 0, "",
                    "address of the message of vector 0, as written to the function");
        visit.gauge("message_data", known ? device->vectors[0].message.data : 0, "", "data of that message");
        visit.leave();
    }
    u64 pending = 0;
    for (u32 index = 0; index < platform_.config().cpus.size(); ++index)
        pending += platform_.interrupts(index).pending().size();
    visit.gauge("pending_interrupts", pending, "interrupts", "interrupts that CPUs could acknowledge now");
    for (const auto& [name, user] : assigned) {
        visit.enter(name);
        visit.gauge("injected", user.guest->injected(), "interrupts", "interrupts injected into the guest");
        visit.gauge("direct", user.guest->direct(), "interrupts", "interrupts that the guest took without the host");
        u64 doorbells = 0, wakeups = 0;
        for (u32 index = 0; index < user.guest->vcpus(); ++index) {
            doorbells += user.guest->vcpu(index).doorbells();
            wakeups += user.guest->vcpu(index).wakeups();
        }
        visit.gauge("doorbells", doorbells, "interrupts", "doorbells of the guest's CPUs that the host took");
        visit.gauge("wakeups", wakeups, "doorbells", "those that made a CPU of the guest run again");
        visit.gauge("doorbell_references", doorbell_references(user), "references",
                    "references on the doorbells mapped for the guest");
        visit.leave();
    }
    visit.leave();
}

u64 Stage::doorbell_references(const Assigned& user) {
    u64 count = 0;
    const sw::iommu::Domain* const domain = user.container->domain();
    if (domain == nullptr) return 0;
    for (const sw::msi::Binding& binding : sw::msi::ReservedIova::bindings(*domain)) count += binding.references;
    return count;
}

}  // namespace smmusim::scenarios
