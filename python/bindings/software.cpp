// The booted software stack: devices, domains, reserved IOVA windows, vectors. Results are values or negative errno.
#include "bindings/machine.hpp"
#include "sw/iommu/protection.hpp"

namespace smmusim::python {

namespace {

using sim::Task;
namespace iommu = sw::iommu;

/// Objects of the host that Python names; they live as long as the host does.
struct Domain {
    iommu::Domain* domain = nullptr;
};
struct Device {
    sw::HostDevice* device = nullptr;
};
struct Vector {
    sw::HostDevice* device = nullptr;
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

py::tuple alloc_domain(Machine& machine, const std::string& type, const std::string& stage, u32 smmu, u32 cpu) {
    iommu::DomainRequest request;
    if (type == "identity") request.type = iommu::DomainType::Identity;
    else if (type == "unmanaged") request.type = iommu::DomainType::Unmanaged;
    else throw std::invalid_argument("'" + type + "' is no type of domain; there are 'identity' and 'unmanaged'");
    if (stage == "1") request.stage = iommu::DomainRequest::Stage::One;
    else if (stage == "2") request.stage = iommu::DomainRequest::Stage::Two;
    const auto result = std::make_shared<iommu::Domain*>(nullptr);
    const int error =
        machine.call("alloc_domain", keep(machine.host().alloc_domain(cpu_of(machine, cpu), request, smmu), result));
    return with_value(error, Domain{*result});
}

sw::msi::Vector& vector_of(const Machine& machine, const Vector& vector) {
    sw::msi::Vector* const found = machine.host().msi().vector(vector.device->msi, vector.index);
    if (found == nullptr) throw std::invalid_argument("vector " + std::to_string(vector.index) + " is not enabled");
    return *found;
}

Task<> call_python(std::shared_ptr<py::function> callback, u32 index) {
    const py::gil_scoped_acquire acquire;
    (*callback)(index);
    co_return;
}

void bind_domains(py::class_<Machine>& machine) {
    machine.def("alloc_domain", &alloc_domain)
        .def("free_domain",
             [](Machine& self, const Domain& domain, u32 cpu) {
                 return self.call("free_domain", self.host().free_domain(cpu_of(self, cpu), *domain.domain));
             })
        .def("attach",
             [](Machine& self, const Domain& domain, const Device& device, u32 cpu) {
                 return self.call("attach", self.host().attach(cpu_of(self, cpu), *domain.domain, *device.device));
             })
        .def("detach",
             [](Machine& self, const Device& device, u32 cpu) {
                 return self.call("detach", self.host().detach(cpu_of(self, cpu), *device.device));
             })
        .def(
            "map",
            [](Machine& self, const Domain& domain, u64 iova, u64 address, u64 size, const std::string& prot, u32 cpu) {
                return self.call("map", domain.domain->map(cpu_of(self, cpu), iova, address, size, prot_of(prot)));
            })
        .def("unmap",
             [](Machine& self, const Domain& domain, u64 iova, u64 size, u32 cpu) {
                 const auto bytes = std::make_shared<u64>(0);
                 const int error = self.call("unmap", keep(domain.domain->unmap(cpu_of(self, cpu), iova, size), bytes));
                 return with_value(error, *bytes);
             })
        .def("iova_to_phys",
             [](Machine& self, const Domain& domain, u64 iova, u32 cpu) {
                 const auto address = std::make_shared<std::optional<u64>>();
                 self.call("iova_to_phys",
                           keep_optional(domain.domain->iova_to_phys(cpu_of(self, cpu), iova), address));
                 return *address;
             })
        .def("domain_attribute", [](Machine&, const Domain& domain, const std::string& name) {
            if (name != "DOMAIN_ATTR_MSI_MAPPING")
                throw std::invalid_argument("'" + name + "' is no attribute; there is 'DOMAIN_ATTR_MSI_MAPPING'");
            const sw::Result<bool> value = domain.domain->attribute(iommu::DomainAttribute::DOMAIN_ATTR_MSI_MAPPING);
            return value ? with_value(0, *value) : with_value(value.error(), false);
        });
}

void bind_reserved(py::class_<Machine>& machine) {
    machine
        .def("alloc_reserved_iova_domain",
             [](Machine& self, const Domain& domain, u64 base, u64 size, const std::string& prot, u32 order, u32 cpu) {
                 return self.call("iommu_alloc_reserved_iova_domain",
                                  self.host().reserved_iova().iommu_alloc_reserved_iova_domain(
                                      cpu_of(self, cpu), *domain.domain, base, size, prot_of(prot), order));
             })
        .def("free_reserved_iova_domain",
             [](Machine& self, const Domain& domain, u32 cpu) {
                 return self.call("iommu_free_reserved_iova_domain",
                                  always(self.host().reserved_iova().iommu_free_reserved_iova_domain(cpu_of(self, cpu),
                                                                                                     *domain.domain)));
             })
        .def("get_reserved_iova",
             [](Machine& self, const Domain& domain, u64 address, u64 size, const std::string& prot, u32 cpu) {
                 const auto iova = std::make_shared<u64>(0);
                 const int error = self.call(
                     "iommu_get_reserved_iova",
                     get_reserved(&self.host(), &cpu_of(self, cpu), domain.domain, address, size, prot_of(prot), iova));
                 return with_value(error, *iova);
             })
        .def("put_reserved_iova",
             [](Machine& self, const Domain& domain, u64 address, u32 cpu) {
                 return self.call("iommu_put_reserved_iova", always(self.host().reserved_iova().iommu_put_reserved_iova(
                                                                 cpu_of(self, cpu), *domain.domain, address)));
             })
        .def("reserved_bindings", [](Machine&, const Domain& domain) {
            py::list list;
            for (const sw::msi::Binding& binding : sw::msi::ReservedIova::bindings(*domain.domain))
                list.append(py::make_tuple(binding.address, binding.iova, binding.size, binding.references));
            return list;
        });
}

void bind_vectors(py::class_<Machine>& machine) {
    machine
        .def("enable_msix",
             [](Machine& self, const Device& device, u32 count, u32 cpu) {
                 return self.call("enable_msix", self.host().enable_msix(cpu_of(self, cpu), *device.device, count));
             })
        .def("disable_msix",
             [](Machine& self, const Device& device, u32 cpu) {
                 return self.call("disable_msix", self.host().disable_msix(cpu_of(self, cpu), *device.device));
             })
        .def("disable_vector",
             [](Machine& self, const Vector& vector, u32 cpu) {
                 return self.call("disable_vector",
                                  self.host().disable_vector(cpu_of(self, cpu), *vector.device, vector.index));
             })
        .def("set_affinity",
             [](Machine& self, const Vector& vector, u32 target, u32 cpu) {
                 return self.call("set_affinity",
                                  self.host().set_affinity(cpu_of(self, cpu), *vector.device, vector.index, target));
             })
        .def("vector",
             [](Machine&, const Device& device, u32 index) {
                 return Vector{device.device, index};
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
            state.handler = [function](sw::cpu::Cpu&, sw::msi::Vector& fired) {
                return call_python(function, fired.index);
            };
        });
}

}  // namespace

void bind_software(py::module_& module) {
    py::class_<Domain>(module, "Domain").def_property_readonly("name", [](const Domain& self) {
        return self.domain->name();
    });
    py::class_<Device>(module, "Device").def_property_readonly("name", [](const Device& self) {
        return self.device->iommu.name;
    });
    py::class_<Vector>(module, "Vector").def_readonly("index", &Vector::index);
    py::class_<Machine> machine = py::reinterpret_borrow<py::class_<Machine>>(module.attr("Machine"));
    machine.def("boot", &Machine::boot).def("device", [](const Machine& self, u32 requester) {
        sw::HostDevice* const device = self.host().device(requester);
        return device == nullptr ? py::object(py::none()) : py::cast(Device{device});
    });
    machine.def("device_domain", [](const Machine&, const Device& device) {
        iommu::Domain* const domain = device.device->iommu.domain;
        return domain == nullptr ? py::object(py::none()) : py::cast(Domain{domain});
    });
    bind_domains(machine);
    bind_reserved(machine);
    bind_vectors(machine);
}

}  // namespace smmusim::python
