#include "bindings/machine.hpp"

#include "platform/config/parameters.hpp"
#include "platform/config/source.hpp"
#include "platform/results/digest.hpp"
#include "platform/results/statistics_table.hpp"

namespace smmusim::python {

using platform::Platform;
namespace config = platform::config;
namespace results = platform::results;

struct Machine::SoftwareStatistics final : sim::HasStatistics {
    explicit SoftwareStatistics(sw::Host& software) : host(software) {}
    void statistics(sim::StatisticsVisitor& visit) override { host.statistics(visit); }
    sw::Host& host;
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

Machine::~Machine() { close(); }

void Machine::close() {
    if (software_statistics_ != nullptr) platform_->remove_statistics(*software_statistics_);
    calls_.reset();
    software_statistics_.reset();
    host_.reset();
    platform_.reset();
}

Platform& Machine::platform() const {
    if (platform_ == nullptr) throw std::invalid_argument("the platform is closed");
    return *platform_;
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

void Machine::boot(const Settings& settings) {
    if (host_ != nullptr) throw std::invalid_argument("the software has been booted already");
    config::Node tree = config::parse_yaml("{}", "the defaults");
    for (const auto& [path, value] : settings) config::add_setting(tree, path, value, "Python");
    sw::SoftwareConfig software;
    config::load(software, tree);
    platform::Machine& machine = platform().machine();
    std::vector<sw::cpu::Cpu*> cpus;
    for (const auto& cpu : machine.cpus) cpus.push_back(cpu.get());
    host_ = std::make_unique<sw::Host>(machine.simulation, software, platform::describe(platform().config()), cpus);
    calls_ = std::make_unique<sim::Scope>(machine.simulation, "python");
    software_statistics_ = std::make_unique<SoftwareStatistics>(*host_);
    platform().add_statistics(*software_statistics_);
    if (call("boot", host_->boot()) != 0) throw std::runtime_error("boot: " + host_->failure());
}

sw::Host& Machine::host() const {
    if (host_ == nullptr) throw std::invalid_argument("no software has been booted: call boot() first");
    return *host_;
}

namespace {

struct Call {
    bool done = false;
    int result = 0;
};

sim::Task<> finish(Platform* platform, std::shared_ptr<Call> state, sim::Task<int> task) {
    state->result = co_await task;
    state->done = true;
    platform->stop();
}

}  // namespace

int Machine::call(const char* activity, sim::Task<int> task) {
    const auto state = std::make_shared<Call>();
    Platform& machine = platform();
    const platform::SimContext::Use use(machine.context());
    machine.machine();
    calls_->spawn(activity, finish(&machine, state, std::move(task)));
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
        .def("reset", [](const Machine& self, bool clear_memory) { self.platform().reset(clear_memory); })
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
