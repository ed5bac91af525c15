// The booted software stack: devices, domains, reserved IOVA windows, vectors. Results are values or negative errno.
#include "bindings/machine.hpp"
#include "sw/iommu/map_benchmark.hpp"
#include "sw/iommu/protection.hpp"

namespace smmusim::python {

namespace {

using sim::Task;
namespace iommu = sw::iommu;

using Host = Reference<sw::Host>;
using Domain = Reference<iommu::Domain>;
using Device = Reference<sw::HostDevice>;
struct Vector {
    Device device;
    u32 index = 0;
};

sw::cpu::Cpu& cpu_of(const Machine& machine, u32 cpu) {
    if (cpu >= machine.host().cpus()) throw std::invalid_argument("there is no cpu" + std::to_string(cpu));
    return machine.host().cpu(cpu);
}

u32 prot_of(const std::string& letters) {
    const std::optional<u32> prot = sw::parse_prot(letters);
    if (!prot) throw std::invalid_argument("'" + letters + "' is no protection; it has letters of \"rwx\" and \"m\"");
    return *prot;
}

/// A software call whose result is a value: the value lands in `result`.
template <class T>
Task<int> keep(Task<sw::Result<T>> task, std::shared_ptr<T> result) {
    const sw::Result<T> outcome = co_await task;
    if (!outcome) co_return outcome.error();
    *result = *outcome;
    co_return 0;
}

Task<int> keep_optional(Task<std::optional<u64>> task, std::shared_ptr<std::optional<u64>> result) {
    *result = co_await task;
    co_return 0;
}

Task<int> always(Task<> task) {
    co_await task;
    co_return 0;
}

Task<int> get_reserved(sw::Host* host, sw::cpu::Cpu* cpu, iommu::Domain* domain, u64 address, u64 size, u32 prot,
                       std::shared_ptr<u64> iova) {
    const int error = co_await host->reserved_iova().iommu_get_reserved_iova(*cpu, *domain, address, size, prot, *iova);
    co_return error;
}

template <class T>
py::tuple with_value(int error, const T& value) {
    return py::make_tuple(error, value);
}

py::tuple alloc_domain(Machine& machine, const Host& host, const std::string& type, const std::string& stage, u32 smmu,
                       u32 cpu) {
    iommu::DomainRequest request;
    if (type == "identity") request.type = iommu::DomainType::Identity;
    else if (type == "unmanaged") request.type = iommu::DomainType::Unmanaged;
    else throw std::invalid_argument("'" + type + "' is no type of domain; there are 'identity' and 'unmanaged'");
    if (stage == "1") request.stage = iommu::DomainRequest::Stage::One;
    else if (stage == "2") request.stage = iommu::DomainRequest::Stage::Two;
    const auto result = std::make_shared<iommu::Domain*>(nullptr);
    const int error = machine.call(
        "alloc_domain", keep(machine.object(host).alloc_domain(cpu_of(machine, cpu), request, smmu), result));
    return error == 0 ? with_value(0, machine.refer(**result)) : py::make_tuple(error, py::none());
}

int free_domain(Machine& machine, const Domain& domain, u32 cpu) {
    iommu::Domain& freed = machine.object(domain);
    const int error = machine.call("free_domain", machine.host().free_domain(cpu_of(machine, cpu), freed));
    if (error == 0) machine.forget(freed);
    return error;
}

sw::msi::Vector& vector_of(const Machine& machine, const Vector& vector) {
    sw::msi::Vector* const found = machine.host().msi().vector(machine.object(vector.device).msi, vector.index);
    if (found == nullptr) throw std::invalid_argument("vector " + std::to_string(vector.index) + " is not enabled");
    return *found;
}

/// What the callback raises ends the run, not the handler: the interrupt is completed, and the next one is taken.
Task<> call_python(sim::Simulation* simulation, std::shared_ptr<py::function> callback, u32 index) {
    const py::gil_scoped_acquire acquire;
    try {
        (*callback)(index);
    } catch (...) {
        simulation->scheduler().fail(std::current_exception());
    }
    co_return;
}

void bind_domains(py::class_<Machine>& machine) {
    machine.def("alloc_domain", &alloc_domain)
        .def("free_domain", &free_domain)
        .def("attach",
             [](Machine& self, const Domain& domain, const Device& device, u32 cpu) {
                 return self.call("attach",
                                  self.host().attach(cpu_of(self, cpu), self.object(domain), self.object(device)));
             })
        .def("detach",
             [](Machine& self, const Device& device, u32 cpu) {
                 return self.call("detach", self.host().detach(cpu_of(self, cpu), self.object(device)));
             })
        .def(
            "map",
            [](Machine& self, const Domain& domain, u64 iova, u64 address, u64 size, const std::string& prot, u32 cpu) {
                return self.call("map", self.object(domain).map(cpu_of(self, cpu), iova, address, size, prot_of(prot)));
            })
        .def("unmap",
             [](Machine& self, const Domain& domain, u64 iova, u64 size, u32 cpu) {
                 const auto bytes = std::make_shared<u64>(0);
                 const int error =
                     self.call("unmap", keep(self.object(domain).unmap(cpu_of(self, cpu), iova, size), bytes));
                 return with_value(error, *bytes);
             })
        .def("measure_mapping",
             [](Machine& self, const Domain& domain, u64 iova, u64 address, u64 size, const std::string& prot, u32 cpus,
                u32 rounds) {
                 const auto cost = std::make_shared<iommu::MapCost>();
                 std::vector<sw::cpu::Cpu*> on;
                 for (u32 cpu = 0; cpu < cpus; ++cpu) on.push_back(&cpu_of(self, cpu));
                 const iommu::MapPlan plan{iova, address, size, prot_of(prot), rounds};
                 const int error = self.call(
                     "measure_mapping", keep(iommu::measure_mapping(self.object(domain), std::move(on), plan), cost));
                 return with_value(error, py::make_tuple(cost->map, cost->unmap));
             })
        .def("iova_to_phys",
             [](Machine& self, const Domain& domain, u64 iova, u32 cpu) {
                 const auto address = std::make_shared<std::optional<u64>>();
                 self.call("iova_to_phys",
                           keep_optional(self.object(domain).iova_to_phys(cpu_of(self, cpu), iova), address));
                 return *address;
             })
        .def("domain_attribute", [](Machine& self, const Domain& domain, const std::string& name) {
            if (name != "DOMAIN_ATTR_MSI_MAPPING")
                throw std::invalid_argument("'" + name + "' is no attribute; there is 'DOMAIN_ATTR_MSI_MAPPING'");
            const sw::Result<bool> value =
                self.object(domain).attribute(iommu::DomainAttribute::DOMAIN_ATTR_MSI_MAPPING);
            return value ? with_value(0, *value) : with_value(value.error(), false);
        });
}

void bind_reserved(py::class_<Machine>& machine) {
    machine
        .def("alloc_reserved_iova_domain",
             [](Machine& self, const Domain& domain, u64 base, u64 size, const std::string& prot, u32 order, u32 cpu) {
                 return self.call("iommu_alloc_reserved_iova_domain",
                                  self.host().reserved_iova().iommu_alloc_reserved_iova_domain(
                                      cpu_of(self, cpu), self.object(domain), base, size, prot_of(prot), order));
             })
        .def("free_reserved_iova_domain",
             [](Machine& self, const Domain& domain, u32 cpu) {
                 return self.call("iommu_free_reserved_iova_domain",
                                  always(self.host().reserved_iova().iommu_free_reserved_iova_domain(
                                      cpu_of(self, cpu), self.object(domain))));
             })
        .def("get_reserved_iova",
             [](Machine& self, const Domain& domain, u64 address, u64 size, const std::string& prot, u32 cpu) {
                 const auto iova = std::make_shared<u64>(0);
                 const int error = self.call("iommu_get_reserved_iova",
                                             get_reserved(&self.host(), &cpu_of(self, cpu), &self.object(domain),
                                                          address, size, prot_of(prot), iova));
                 return with_value(error, *iova);
             })
        .def("put_reserved_iova",
             [](Machine& self, const Domain& domain, u64 address, u32 cpu) {
                 return self.call("iommu_put_reserved_iova", always(self.host().reserved_iova().iommu_put_reserved_iova(
                                                                 cpu_of(self, cpu), self.object(domain), address)));
             })
        .def("reserved_bindings", [](Machine& self, const Domain& domain) {
            py::list list;
            for (const sw::msi::Binding& binding : sw::msi::ReservedIova::bindings(self.object(domain)))
                list.append(py::make_tuple(binding.address, binding.iova, binding.size, binding.references));
            return list;
        });
}

void bind_vectors(py::class_<Machine>& machine) {
    machine
        .def("enable_msix",
             [](Machine& self, const Device& device, u32 count, u32 cpu) {
                 return self.call("enable_msix",
                                  self.host().enable_msix(cpu_of(self, cpu), self.object(device), count));
             })
        .def("disable_msix",
             [](Machine& self, const Device& device, u32 cpu) {
                 return self.call("disable_msix", self.host().disable_msix(cpu_of(self, cpu), self.object(device)));
             })
        .def("disable_vector",
             [](Machine& self, const Vector& vector, u32 cpu) {
                 return self.call("disable_vector", self.host().disable_vector(
                                                        cpu_of(self, cpu), self.object(vector.device), vector.index));
             })
        .def("set_affinity",
             [](Machine& self, const Vector& vector, u32 target, u32 cpu) {
                 return self.call(
                     "set_affinity",
                     self.host().set_affinity(cpu_of(self, cpu), self.object(vector.device), vector.index, target));
             })
        .def("vector",
             [](Machine&, const Device& device, u32 index) {
                 return Vector{device, index};
             })
        .def("vector_state",
             [](Machine& self, const Vector& vector) {
                 const sw::msi::Vector& state = vector_of(self, vector);
                 return py::make_tuple(state.message.address, state.message.data, state.intid, state.cpu, state.fired);
             })
        .def("on_fire", [](Machine& self, const Vector& vector, py::object callback) {
            sw::msi::Vector& state = vector_of(self, vector);
            if (callback.is_none()) {
                state.handler = nullptr;
                return;
            }
            // Shared, so that copies of the handler take no reference without the interpreter's lock.
            const auto function = std::make_shared<py::function>(callback.cast<py::function>());
            state.handler = [function](sw::cpu::Cpu& cpu, sw::msi::Vector& fired) {
                return call_python(&cpu.simulation(), function, fired.index);
            };
        });
}

}  // namespace

void bind_software(py::module_& module) {
    py::class_<Host>(module, "Host");
    py::class_<Domain>(module, "Domain");
    py::class_<Device>(module, "Device");
    py::class_<Vector>(module, "Vector");
    py::class_<Machine> machine = py::reinterpret_borrow<py::class_<Machine>>(module.attr("Machine"));
    machine.def("boot", &Machine::boot)
        .def("boot_failure", [](const Machine& self) { return self.host().failure(); })
        .def("host", [](const Machine& self) { return self.refer(self.host()); })
        .def("device",
             [](const Machine& self, const Host& host, u32 requester) {
                 sw::HostDevice* const device = self.object(host).device(requester);
                 return device == nullptr ? py::object(py::none()) : py::cast(self.refer(*device));
             })
        .def("device_name", [](const Machine& self, const Device& device) { return self.object(device).iommu.name; })
        .def("device_domain",
             [](Machine& self, const Device& device) {
                 iommu::Domain* const domain = self.object(device).iommu.domain;
                 return domain == nullptr ? py::object(py::none()) : py::cast(self.refer(*domain));
             })
        .def("domain_name", [](const Machine& self, const Domain& domain) { return self.object(domain).name(); });
    bind_domains(machine);
    bind_reserved(machine);
    bind_vectors(machine);
}

}  // namespace smmusim::python
