// Memory, raw requesters, endpoints, SMMUs, CPU interfaces.
#include <fmt/format.h>

#include "bindings/machine.hpp"

namespace smmusim::python {

namespace arch = smmu::arch;
namespace spec = smmu::spec;

namespace {

memory::Storage& memory_of(const Machine& machine, u64 address, u64 size) {
    memory::Storage& storage = machine.platform().memory();
    if (!storage.contains(address, size))
        throw std::invalid_argument(fmt::format("{} bytes at {:#x} are not within RAM, {:#x} to {:#x}", size, address,
                                                storage.base(), storage.base() + storage.size() - 1));
    return storage;
}

sim::DmaHandle operation(bool write, u64 address, u64 size, const py::object& data) {
    const auto dma = std::make_shared<sim::DmaOperation>();
    dma->command = write ? sim::Command::Write : sim::Command::Read;
    dma->address = address;
    dma->size = size;
    if (write) {
        const std::string bytes = data.cast<std::string>();
        dma->data.assign(bytes.begin(), bytes.end());
    }
    return dma;
}

Operation submit_stream(const Machine& machine, const platform::StreamIdentity& identity, bool write, u64 address,
                        u64 size, const py::object& data) {
    Operation result{operation(write, address, size, data)};
    machine.platform().submit(identity, result.dma);
    return result;
}

Operation submit_endpoint(const Machine& machine, std::size_t index, bool write, u64 address, u64 size,
                          const py::object& data, std::optional<u32> pasid, bool privileged, bool instruction) {
    Operation result{operation(write, address, size, data)};
    result.dma->attributes.substream_id = pasid.value_or(sim::no_id);
    result.dma->attributes.privileged = privileged;
    result.dma->attributes.instruction = instruction;
    machine.platform().submit(index, result.dma);
    return result;
}

pcie::uarch::Endpoint& endpoint(const Machine& machine, std::size_t index) {
    auto& endpoints = machine.platform().machine().endpoints;
    if (index >= endpoints.size())
        throw std::invalid_argument(fmt::format("there is no endpoint{}; the machine has {}", index, endpoints.size()));
    return *endpoints[index];
}

smmu::uarch::Smmu& smmu_at(const Machine& machine, std::size_t index) {
    auto& smmus = machine.platform().machine().smmus;
    if (index >= smmus.size())
        throw std::invalid_argument(fmt::format("there is no smmu{}; the machine has {}", index, smmus.size()));
    return *smmus[index];
}

py::object optional_level(int level) {
    return level == arch::Translation::no_level ? py::object(py::none()) : py::object(py::int_(level));
}

constexpr std::array step_kinds{"L1STD", "STE", "L1CD", "CD", "S1", "S2"};

py::dict step_of(const arch::Step& step) {
    py::dict result;
    result["kind"] = step_kinds[static_cast<u8>(step.fetch.kind)];
    const bool descriptor =
        step.fetch.kind == arch::Fetch::Kind::Stage1 || step.fetch.kind == arch::Fetch::Kind::Stage2;
    result["level"] = descriptor ? optional_level(step.fetch.level) : py::object(py::none());
    result["address"] = step.fetch.address;
    result["ipa"] = step.fetch.ipa;
    if (step.fetch.size == 8) result["value"] = step.words[0];
    else result["value"] = py::bytes(reinterpret_cast<const char*>(step.words.data()), step.fetch.size);
    result["size"] = step.fetch.size;
    result["reason"] = step.reason != nullptr ? py::object(py::str(step.reason)) : py::object(py::none());
    return result;
}

py::object record_of(const spec::Event& event, bool present) {
    if (!present) return py::none();
    return py::bytes(reinterpret_cast<const char*>(event.words.data()), 32);
}

py::dict attributes_of(const sim::MemoryAttributes& memory) {
    constexpr std::array types{"Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE", "Normal"};
    constexpr std::array cacheabilities{"NC", "WT", "WB"};
    constexpr std::array shareabilities{"NSH", "ISH", "OSH"};
    py::dict result;
    result["type"] = types[static_cast<u8>(memory.type)];
    result["inner"] = cacheabilities[static_cast<u8>(memory.inner)];
    result["outer"] = cacheabilities[static_cast<u8>(memory.outer)];
    result["shareability"] = shareabilities[static_cast<u8>(memory.shareability)];
    result["read_allocate"] = memory.read_allocate;
    result["write_allocate"] = memory.write_allocate;
    result["transient"] = memory.transient;
    return result;
}

py::tuple transaction_of(const smmu::uarch::TransactionRecord& record) {
    py::dict stages;
    for (std::size_t index = 0; index < smmu::uarch::stage_count; ++index)
        stages[smmu::uarch::stage_names[index]] = record.stages[static_cast<smmu::uarch::Stage>(index)];
    const bool substream = record.substream != sim::no_id;
    return py::make_tuple(record.stream, substream ? py::object(py::int_(record.substream)) : py::object(py::none()),
                          record.input, record.sent ? py::object(py::int_(record.output)) : py::object(py::none()),
                          record.write, static_cast<u8>(record.status),
                          smmu::uarch::hit_names[static_cast<u8>(record.hit)], record.arrived, record.responded,
                          stages);
}

py::list transactions(const Machine& machine, std::size_t index, std::size_t tbu) {
    const smmu::uarch::Smmu& device = smmu_at(machine, index);
    if (tbu >= device.tbu_count())
        throw std::invalid_argument(
            fmt::format("smmu{} has no tbu{}; it has {} of them", index, tbu, device.tbu_count()));
    py::list result;
    for (const smmu::uarch::TransactionRecord& record : device.transactions(tbu)) result.append(transaction_of(record));
    return result;
}

py::dict occupancy(const Machine& machine, std::size_t index) {
    py::dict result;
    for (const sim::SlotHistory& history : smmu_at(machine, index).occupancy()) {
        py::list windows;
        for (const sim::Occupancy::Window& window : history.windows)
            windows.append(py::make_tuple(window.start, window.end, window.mean(), window.peak));
        result[py::str(history.name)] = windows;
    }
    return result;
}

sim::AddressType address_type(const std::string& at) {
    if (at == "untranslated") return sim::AddressType::Untranslated;
    if (at == "request") return sim::AddressType::TranslationRequest;
    if (at == "translated") return sim::AddressType::Translated;
    throw std::invalid_argument(fmt::format("at='{}' is none of 'untranslated', 'request', 'translated'", at));
}

py::dict translate(const Machine& machine, u32 smmu, u32 tbu, u32 stream, u64 address, bool write,
                   std::optional<u32> substream, bool privileged, bool instruction, const std::string& at,
                   bool cached) {
    arch::Request request;
    request.stream_id = stream;
    request.substream_id = substream.value_or(sim::no_id);
    request.address = address;
    request.write = write;
    request.read = !write;
    request.privileged = privileged;
    request.instruction = instruction;
    request.address_type = address_type(at);
    if (request.address_type == sim::AddressType::TranslationRequest) {
        // A write asked about is a request without NW; the request itself is a read.
        request.no_write = !write;
        request.write = false;
        request.read = true;
    }
    smmu::uarch::Smmu& device = smmu_at(machine, smmu);
    const platform::SimContext::Use use(machine.platform().context());
    const smmu::uarch::Inspection inspection = device.inspect(request, cached, tbu);
    const arch::Outcome& outcome = inspection.result.outcome;
    const arch::Translation& translation = outcome.translation;

    py::dict result;
    const bool answer = outcome.disposition == arch::Disposition::Answer;
    const bool ok = outcome.disposition == arch::Disposition::Proceed;
    result["ok"] = ok || answer;
    result["discarded"] = outcome.disposition == arch::Disposition::RazWi;
    result["pa"] = ok       ? py::object(py::int_(outcome.address))
                   : answer ? py::object(py::int_(outcome.entry.start()))
                            : py::object(py::none());
    result["iova"] = address;
    result["entry"] = answer ? py::object(py::int_(outcome.entry.words[0])) : py::object(py::none());
    const arch::ContextPtr& context = inspection.result.context;
    const bool has_ipa = (ok || answer) && outcome.translated && context != nullptr && context->stage2;
    result["ipa"] = has_ipa ? py::object(py::int_(translation.ipa)) : py::object(py::none());
    result["attributes"] = ok ? py::object(attributes_of(outcome.memory)) : py::object(py::none());
    const int first = outcome.translated ? translation.stage1_level : arch::Translation::no_level;
    const int second = outcome.translated ? translation.stage2_level : arch::Translation::no_level;
    result["levels"] = py::make_tuple(optional_level(first), optional_level(second));
    // The last stage walked; of a fault, where its last descriptor was read.
    int last = second != arch::Translation::no_level ? second : first;
    if (!ok)
        for (const arch::Step& step : inspection.steps)
            if (step.fetch.kind >= arch::Fetch::Kind::Stage1) last = step.fetch.level;
    result["level"] = optional_level(last);
    result["size"] = outcome.translated ? py::object(py::int_(u64{1} << translation.span)) : py::object(py::none());
    const bool has_record = outcome.fault && outcome.fault.kind != arch::Fault::Kind::Silent;
    result["event"] = record_of(outcome.fault.event, has_record && outcome.recorded);
    result["fault"] = record_of(outcome.fault.event, has_record);
    result["reason"] = outcome.fault ? py::object(py::str(outcome.fault.reason)) : py::object(py::none());
    py::list steps;
    for (const arch::Step& step : inspection.steps) steps.append(step_of(step));
    result["steps"] = steps;
    return result;
}

void bind_memory(py::class_<Machine>& machine) {
    machine
        .def("memory_range",
             [](const Machine& self) {
                 const memory::Storage& storage = self.platform().memory();
                 return py::make_tuple(storage.base(), storage.size());
             })
        .def("memory_read",
             [](const Machine& self, u64 address, u64 size) {
                 return py::bytes(reinterpret_cast<const char*>(memory_of(self, address, size).at(address)), size);
             })
        .def("memory_write",
             [](const Machine& self, u64 address, const std::string& data) {
                 std::memcpy(memory_of(self, address, data.size()).at(address), data.data(), data.size());
             })
        .def("memory_fill", [](const Machine& self, u64 address, u64 size, u8 byte) {
            std::memset(memory_of(self, address, size).at(address), byte, size);
        });
}

void bind_requesters(py::module_& module, py::class_<Machine>& machine) {
    py::class_<platform::StreamIdentity>(module, "StreamIdentity")
        .def(py::init([](u32 stream, std::optional<u32> substream, std::optional<u32> device, bool privileged,
                         bool instruction, bool secure, const std::string& at, bool no_write, u32 smmu, u32 tbu) {
            platform::StreamIdentity identity;
            identity.stream_id = stream;
            identity.substream_id = substream.value_or(sim::no_id);
            identity.device_id = device.value_or(sim::no_id);
            identity.privileged = privileged;
            identity.instruction = instruction;
            identity.secure = secure;
            identity.address_type = address_type(at);
            identity.no_write = no_write;
            identity.smmu = smmu;
            identity.tbu = tbu;
            return identity;
        }));
    py::class_<platform::PageOperation, platform::PageHandle>(module, "PageOperation")
        .def_readonly("done", &platform::PageOperation::done)
        .def_readonly("carried_pasid", &platform::PageOperation::carried_pasid)
        .def_property_readonly("code", [](const platform::PageOperation& operation) -> py::object {
            if (!operation.code) return py::none();
            return py::int_(static_cast<unsigned>(*operation.code));
        });
    machine.def("submit_stream", &submit_stream)
        .def("submit_page_request",
             [](const Machine& self, const platform::StreamIdentity& identity, u64 address, bool read, bool write,
                u16 group, bool last) {
                 const auto operation = std::make_shared<platform::PageOperation>();
                 operation->request.address = address;
                 operation->request.read = read;
                 operation->request.write = write;
                 operation->request.group = group;
                 operation->request.last = last;
                 self.platform().submit(identity, operation);
                 return operation;
             })
        .def("invalidations",
             [](const Machine& self, const platform::StreamIdentity& identity) {
                 py::list result;
                 for (const sim::AtcInvalidation& each : self.platform().invalidations(identity))
                     result.append(py::make_tuple(each.address, each.span,
                                                  each.substream_id == sim::no_id
                                                      ? py::object(py::none())
                                                      : py::object(py::int_(each.substream_id)),
                                                  each.global));
                 return result;
             })
        .def("submit_endpoint", &submit_endpoint)
        .def("endpoint_count", [](const Machine& self) { return self.platform().machine().endpoints.size(); })
        .def("endpoint_identity",
             [](const Machine& self, std::size_t index) {
                 const pcie::uarch::Endpoint& function = endpoint(self, index);
                 const sw::MachineDescription description = platform::describe(self.platform().config());
                 const u32 requester = function.global_id();
                 py::object stream = py::none();
                 py::object device = py::none();
                 for (const sw::RootComplexDescription& complex : description.root_complexes) {
                     if (complex.segment != requester >> 16) continue;
                     for (const sw::IdRule& rule : complex.iommu_map)
                         if (stream.is_none() && rule.covers(requester)) stream = py::int_(rule.output(requester));
                     for (const sw::IdRule& rule : complex.msi_map)
                         if (device.is_none() && rule.covers(requester)) device = py::int_(rule.output(requester));
                 }
                 return py::make_tuple(function.config().bdf, requester, stream, device, function.path());
             })
        .def("config_read", [](const Machine& self, std::size_t index, u32 offset,
                               u32 size) { return endpoint(self, index).config_read(offset, size); })
        .def("config_write",
             [](const Machine& self, std::size_t index, u32 offset, u32 value, u32 size) {
                 const platform::SimContext::Use use(self.platform().context());
                 endpoint(self, index).config_write(offset, size, value);
             })
        .def("msi", [](const Machine& self, std::size_t index, u32 vector) {
            const platform::SimContext::Use use(self.platform().context());
            endpoint(self, index).raise(vector);
        });
}

void bind_smmus(py::module_& module, py::class_<Machine>& machine) {
    machine.def("smmu_count", [](const Machine& self) { return self.platform().machine().smmus.size(); })
        .def("smmu_register",
             [](const Machine& self, std::size_t index, const std::string& name) -> py::object {
                 bool found = false;
                 const u64 value = smmu_at(self, index).read_register(name, found);
                 return found ? py::object(py::int_(value)) : py::object(py::none());
             })
        .def("smmu_register_names",
             [](const Machine&) {
                 py::list names;
                 for (const std::string_view name : smmu::uarch::Smmu::register_names())
                     names.append(std::string(name));
                 return names;
             })
        .def("smmu_transactions", &transactions)
        .def("smmu_occupancy", &occupancy)
        .def("translate", &translate);
    module.def("event_name", [](u8 number) { return spec::event_name(number); });
    module.def("event_fields", [](const std::string& record) {
        if (record.size() != 32) throw std::invalid_argument("an event record has 32 bytes");
        spec::Event event;
        event.load(record.data());
        const u8 number = static_cast<u8>(event[spec::Event::Number]);
        py::dict fields;
        for (const sim::NamedField& field : spec::Event::fields)
            fields[field.name] = spec::event_has(number, field) ? event.value(field) : 0;
        return fields;
    });
}

void bind_interrupts(py::class_<Machine>& machine) {
    machine
        .def("icc_read",
             [](const Machine& self, u32 cpu, const std::string& name) -> py::object {
                 u64 value = 0;
                 const platform::SimContext::Use use(self.platform().context());
                 return self.platform().interrupts(cpu).read(name, value) ? py::object(py::int_(value))
                                                                          : py::object(py::none());
             })
        .def("icc_write",
             [](const Machine& self, u32 cpu, const std::string& name, u64 value) {
                 const platform::SimContext::Use use(self.platform().context());
                 return self.platform().interrupts(cpu).write(name, value);
             })
        .def("irq_pending",
             [](const Machine& self, u32 cpu) {
                 const platform::SimContext::Use use(self.platform().context());
                 return self.platform().interrupts(cpu).pending();
             })
        .def("irq_acknowledge",
             [](const Machine& self, u32 cpu) {
                 const platform::SimContext::Use use(self.platform().context());
                 return self.platform().interrupts(cpu).acknowledge();
             })
        .def("irq_end", [](const Machine& self, u32 cpu, u32 intid) {
            const platform::SimContext::Use use(self.platform().context());
            self.platform().interrupts(cpu).end(intid);
        });
}

}  // namespace

void bind_devices(py::module_& module) {
    py::class_<Machine> machine = py::reinterpret_borrow<py::class_<Machine>>(module.attr("Machine"));
    bind_memory(machine);
    bind_requesters(module, machine);
    bind_smmus(module, machine);
    bind_interrupts(machine);
}

}  // namespace smmusim::python
