#include "bindings/machine.hpp"

#include "platform/config/parameters.hpp"
#include "platform/config/source.hpp"
#include "platform/results/digest.hpp"
#include "platform/results/statistics_table.hpp"

namespace smmusim::python {

using platform::Platform;
namespace config = platform::config;
namespace results = platform::results;

/// One booted operating system, and the calls that Python makes to it.
struct Machine::Software final : sim::HasStatistics {
    Software(Platform& owner, const sw::SoftwareConfig& config, std::vector<sw::cpu::Cpu*> cpus)
        : platform(owner),
          host(owner.simulation(), config, platform::describe(owner.config()), std::move(cpus)),
          calls(owner.simulation(), "python") {
        platform.add_statistics(*this);
    }
    ~Software() { platform.remove_statistics(*this); }
    void statistics(sim::StatisticsVisitor& visit) override { host.statistics(visit); }

    Platform& platform;
    sw::Host host;
    sim::Scope calls;  ///< last: they use the host
};

Machine::Machine(const std::string& preset, const Settings& settings) {
    config::Node tree = preset.empty() ? config::parse_yaml("{}", "the defaults") : config::load_preset(preset);
    for (const auto& [path, value] : settings) config::add_setting(tree, path, value, "Python");
    config::resolve_base(tree);
    platform_ = std::make_unique<Platform>(platform::load_platform(tree));
    // Ctrl-C.
    platform_->set_poll([] {
        const py::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    });
}

Machine::~Machine() { destroy(); }

void Machine::close() {
    if (platform_ != nullptr) platform_->require_outside_run();
    destroy();
}

void Machine::destroy() {
    booted_.reset();
    domains_.clear();
    software_.reset();
    platform_.reset();
}

Platform& Machine::platform() const {
    if (platform_ == nullptr) throw std::invalid_argument("the platform is closed");
    return *platform_;
}

void Machine::reset(bool clear_memory) {
    platform().require_outside_run();
    booted_.reset();
    domains_.clear();
    if (software_ != nullptr) {
        software_->calls.cancel();
        software_->host.scope().cancel();
    }
    platform().reset(clear_memory);
}

void Machine::run(std::optional<Time> duration) {
    if (duration) platform().run(*duration);
    else platform().run_until_idle();
}

void Machine::wait(const Operation& operation) { platform().wait(operation.dma); }

py::dict Machine::parameters() {
    py::dict result;
    platform::PlatformConfig copy = platform().config();
    for (const config::Parameter& parameter : config::parameters(copy)) {
        const auto& plain = parameter.plain;
        py::object value;
        if (plain.is_boolean()) value = py::bool_(plain.get<bool>());
        else if (plain.is_number_unsigned()) value = py::int_(plain.get<u64>());
        else if (plain.is_string()) value = py::str(plain.get<std::string>());
        else if (plain.is_array()) value = py::cast(plain.get<std::vector<std::string>>());
        else value = py::str(parameter.value);
        result[py::str(parameter.path)] = value;
    }
    return result;
}

namespace {

results::StatisticsTable collect(Platform& platform) {
    results::StatisticsTable table;
    platform.statistics(table);
    return table;
}

}  // namespace

py::dict Machine::statistics() {
    py::dict result;
    const results::StatisticsTable table = collect(platform());
    for (const auto& [name, statistic] : table.all()) {
        const nlohmann::ordered_json value = statistic.json();
        if (value.is_null()) result[py::str(name)] = py::none();
        else if (value.is_string()) result[py::str(name)] = value.get<std::string>();
        else if (value.is_number_unsigned()) result[py::str(name)] = value.get<u64>();
        else if (value.is_number_integer()) result[py::str(name)] = value.get<i64>();
        else result[py::str(name)] = value.get<double>();
    }
    return result;
}

void Machine::reset_statistics() {
    results::StatisticsReset reset;
    platform().statistics(reset);
}

std::string Machine::digest() {
    return results::digest_text(results::digest_of(collect(platform()), platform().events()));
}

int Machine::boot(const Settings& settings) {
    platform().require_outside_run();
    if (booted_ != nullptr && !boot_failed_) throw std::invalid_argument("the software has been booted already");
    config::Node tree = config::parse_yaml("{}", "the defaults");
    for (const auto& [path, value] : settings) config::add_setting(tree, path, value, "Python");
    sw::SoftwareConfig software;
    config::load(software, tree);
    platform::Machine& machine = platform().machine();
    std::vector<sw::cpu::Cpu*> cpus;
    for (const auto& cpu : machine.cpus) cpus.push_back(cpu.get());
    software_.reset();  // one that a reset ended lets go of the CPUs before the next takes them
    software_ = std::make_unique<Software>(platform(), software, std::move(cpus));
    booted_ = std::make_shared<int>();
    const int error = call("boot", software_->host.boot());
    boot_failed_ = error != 0;
    return error;
}

sw::Host& Machine::host() const {
    platform();
    if (booted_ != nullptr) return software_->host;
    throw std::invalid_argument(software_ != nullptr ? "a reset has ended the software: call boot() again"
                                                     : "no software has been booted: call boot() first");
}

Reference<sw::iommu::Domain> Machine::refer(sw::iommu::Domain& domain) {
    std::shared_ptr<const void>& life = domains_[&domain];
    if (life == nullptr) life = std::make_shared<int>();
    return {&domain, this, life};
}

namespace {

struct Call {
    bool done = false;
    bool awaited = true;
    int result = 0;
};

sim::Task<> finish(Platform* platform, std::shared_ptr<Call> state, sim::Task<int> task) {
    state->result = co_await task;
    state->done = true;
    if (state->awaited) platform->stop();
}

}  // namespace

int Machine::call(const char* activity, sim::Task<int> task) {
    Platform& machine = platform();
    machine.require_outside_run();  // before the call begins
    const platform::SimContext::Use use(machine.context());
    machine.machine();
    const auto state = std::make_shared<Call>();
    // Whatever ends the wait, the call does not stop a later run.
    struct GiveUp {
        Call& call;
        ~GiveUp() { call.awaited = false; }
    } const give_up{*state};
    software_->calls.spawn(activity, finish(&machine, state, std::move(task)));
    machine.run_until([&] { return state->done; });
    return state->result;
}

void bind_machine(py::module_& module) {
    py::class_<Operation>(module, "Operation")
        .def_property_readonly("done", [](const Operation& self) { return self.dma->done(); })
        .def_property_readonly("status", [](const Operation& self) { return static_cast<int>(self.dma->status); })
        .def_property_readonly("latency", [](const Operation& self) { return self.dma->latency(); })
        .def_property_readonly("data", [](const Operation& self) {
            return py::bytes(reinterpret_cast<const char*>(self.dma->data.data()), self.dma->data.size());
        });

    py::class_<Machine>(module, "Machine")
        .def(py::init<const std::string&, const Machine::Settings&>())
        .def("close", &Machine::close)
        .def_property_readonly("closed", &Machine::closed)
        .def_property_readonly("now", [](const Machine& self) { return self.platform().now(); })
        .def("run", &Machine::run)
        .def("wait", &Machine::wait)
        .def("waiting", [](const Machine& self) { return self.platform().waiting(); })
        .def("reset", &Machine::reset)
        .def("parameters", &Machine::parameters)
        .def("statistics", &Machine::statistics)
        .def("reset_statistics", &Machine::reset_statistics)
        .def("digest", &Machine::digest)
        .def("events",
             [](const Machine& self) {
                 py::list list;
                 for (const results::Event& event : self.platform().events()) {
                     if (event.record.size() != 4) continue;
                     list.append(py::make_tuple(event.at, event.source,
                                                py::bytes(reinterpret_cast<const char*>(event.record.data()), 32)));
                 }
                 return list;
             })
        .def("mmio_read", [](const Machine& self, u64 address, u32 size,
                             u32 cpu) { return self.platform().mmio_read(address, size, cpu); })
        .def("mmio_write", [](const Machine& self, u64 address, u64 value, u32 size, u32 cpu) {
            self.platform().mmio_write(address, value, size, cpu);
        });
}

}  // namespace smmusim::python
