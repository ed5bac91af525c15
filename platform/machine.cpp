#include "platform/machine.hpp"

#include <fmt/format.h>

namespace smmusim::platform {

Machine::Machine(const PlatformConfig& config) : config_(config) {
    const SimContext::Use use(context);
    bridge = std::make_unique<tlm::KernelBridge>("kernel_bridge", simulation);
    build_memory();
    build_gic();
    build_smmus();
    build_pcie();
    build_cpus();
    build_requesters();
}

Machine::~Machine() {
    const SimContext::Use use(context);
    requesters_.clear();
    cpus.clear();
    cpu_registers.clear();
    // Root ports and functions know each other; neither calls the other when it goes.
    endpoints.clear();
    root_complexes.clear();
    links.clear();
    smmus.clear();
    gic.reset();
    interconnect.reset();
    ram.reset();
    modules_.clear();
    bridge.reset();
}

tlm::Module& Machine::module(const std::string& name) {
    modules_.push_back(std::make_unique<tlm::Module>(name.c_str(), *bridge));
    return *modules_.back();
}

tlm::InitiatorSocket& Machine::port_to_interconnect(tlm::Module& from, const std::string& name) {
    tlm::InitiatorSocket& port = from.initiator(name);
    const std::string ingress = fmt::format("from_{}_{}", from.basename(), name);
    tlm::connect(port, interconnect_module_->target(ingress, interconnect->add_ingress()));
    return port;
}

void Machine::map(const std::string& region, u64 base, u64 size, tlm::Module& owner, sim::Target& target) {
    tlm::InitiatorSocket& port = interconnect_module_->initiator("to_" + region);
    tlm::connect(port, owner.target(region, target));
    interconnect->map(region, base, size, port);
}

void Machine::build_memory() {
    interconnect = std::make_unique<memory::Interconnect>(simulation, config_.interconnect);
    interconnect_module_ = &module("interconnect");
    ram = std::make_unique<memory::Ram>(simulation, config_.memory);
    map("memory", config_.memory.base, config_.memory.size, module("memory"), *ram);
}

void Machine::build_gic() {
    tlm::Module& shell = module("gic");
    gic::uarch::Gic::Ports ports;
    for (std::size_t cpu = 0; cpu < config_.cpus.size(); ++cpu)
        ports.redistributors.push_back(&port_to_interconnect(shell, fmt::format("gicr{}", cpu)));
    for (std::size_t index = 0; index < config_.itss.size(); ++index)
        ports.itss.push_back(&port_to_interconnect(shell, fmt::format("its{}", index)));
    gic = std::make_unique<gic::uarch::Gic>(simulation, config_.gic, config_.itss, ports);
    const auto map_frame = [&](const std::string& name, gic::uarch::Frame& frame) {
        map(name, frame.base(), frame.size(), shell, frame);
    };
    map_frame("gicd", gic->distributor());
    map_frame("gicr", gic->redistributors());
    if (gic->v2m() != nullptr) map_frame("gicv2m", *gic->v2m());
    for (const auto& frame : gic->message_frames()) map_frame(frame->name(), *frame);
    for (std::size_t index = 0; index < gic->its_count(); ++index)
        map_frame(fmt::format("its{}_frames", index), gic->its(index));
}

void Machine::build_smmus() {
    const auto wire = [&](u32 intid) { return intid == 0 ? nullptr : &gic->input(intid); };
    for (std::size_t index = 0; index < config_.smmus.size(); ++index) {
        SmmuPlace place = config_.smmus[index];
        const gic::uarch::MessageWindowConfig& window = config_.gic.message_window;
        if (window.present) place.message_window = {window.base, gic::spec::message_window_size};
        const std::string name = fmt::format("smmu{}", index);
        tlm::Module& shell = module(name);
        smmu_modules_.push_back(&shell);
        std::vector<sim::Port*> outputs;
        for (std::size_t tbu = 0; tbu < place.tbus.size(); ++tbu)
            outputs.push_back(&port_to_interconnect(shell, fmt::format("tbu{}", tbu)));
        sim::Port& memory = port_to_interconnect(shell, "tcu");
        smmu::uarch::InterruptWires wires{wire(place.interrupts.event), wire(place.interrupts.pri),
                                          wire(place.interrupts.sync), wire(place.interrupts.global_error)};
        for (std::size_t group = 0; group < place.interrupts.pmcgs(place); ++group)
            wires.monitors.push_back(wire(place.interrupts.pmcg + static_cast<u32>(group)));
        smmus.push_back(std::make_unique<smmu::uarch::Smmu>(simulation, name, place, outputs, memory, wires));
        map(name + "_registers", place.base, 128 * KiB, shell, smmus.back()->registers());
        for (std::size_t group = 0; group < smmus.back()->pmcg_count(); ++group) {
            smmu::uarch::Pmcg& pmcg = smmus.back()->pmcg(group);
            map(fmt::format("{}_pmcg{}", name, group), pmcg.base(), smmu::spec::pmcg_span, shell, pmcg.registers());
        }
        listeners_.push_back(std::make_unique<EventLog::SmmuListener>(events, name));
        smmus.back()->set_event_listener(listeners_.back().get());
        ats_requesters.push_back(std::make_unique<RawAtsRequesters>());
        smmus.back()->set_requesters(ats_requesters.back().get());
    }
}

void Machine::build_pcie() {
    std::vector<tlm::Module*> shells;
    for (std::size_t index = 0; index < config_.root_complexes.size(); ++index) {
        const RootComplexPlace& place = config_.root_complexes[index];
        const std::string name = fmt::format("root_complex{}", index);
        tlm::Module& shell = module(name);
        shells.push_back(&shell);
        root_complexes.push_back(std::make_unique<pcie::uarch::RootComplex>(simulation, place, name, place.ecam));
        pcie::uarch::RootComplex& complex = *root_complexes.back();
        map(name + "_ecam", place.ecam, place.ecam_size(), shell, complex.ecam());
        if (place.memory32_size != 0)
            map(name + "_memory32", place.memory32, place.memory32_size, shell, complex.window());
        if (place.memory64_size != 0)
            map(name + "_memory64", place.memory64, place.memory64_size, shell, complex.window());
    }
    std::vector<pcie::uarch::RootPort*> ports;
    for (std::size_t index = 0; index < config_.links.size(); ++index) {
        const LinkPlace& place = config_.links[index];
        tlm::Module& shell = *shells[place.root_complex];
        const std::string name = fmt::format("link{}", index);
        links.push_back(std::make_unique<pcie::uarch::Link>(simulation, place, name));
        tlm::InitiatorSocket* upstream = nullptr;
        if (place.translated && !smmus.empty()) {
            upstream = &shell.initiator(name);
            tlm::connect(*upstream,
                         smmu_modules_[place.smmu]->target("from_" + name, smmus[place.smmu]->tbu(place.tbu)));
        } else {
            upstream = &port_to_interconnect(shell, name);
        }
        ports.push_back(&root_complexes[place.root_complex]->add_port(*links.back(), *upstream));
        if (place.translated && !smmus.empty() && smmus[place.smmu]->bounded(place.tbu))
            ports.back()->hold_until_accepted();
    }
    for (const pcie::uarch::EndpointConfig& endpoint : config_.endpoints) {
        const LinkPlace& link = config_.links[endpoint.link];
        endpoints.push_back(std::make_unique<pcie::uarch::Endpoint>(simulation, endpoint, *links[endpoint.link]));
        root_complexes[link.root_complex]->attach(*ports[endpoint.link], *endpoints.back());
    }
}

void Machine::build_cpus() {
    for (u32 index = 0; index < config_.cpus.size(); ++index) {
        sim::Port& port = port_to_interconnect(module(fmt::format("cpu{}", index)), "bus");
        cpu_ports.push_back(&port);
        cpu_registers.push_back(std::make_unique<CpuRegisters>(gic->cpu_interface(index)));
        cpus.push_back(
            std::make_unique<sw::cpu::Cpu>(simulation, index, port, config_.cpus[index], *cpu_registers.back()));
        cpu_registers.back()->connect(*cpus.back());
    }
}

void Machine::build_requesters() {
    if (smmus.empty()) {
        sim::Port& port = port_to_interconnect(module("requester"), "port");
        requesters_.push_back({0, 0, std::make_unique<Requester>(simulation, "requester", port)});
    }
    for (std::size_t smmu = 0; smmu < smmus.size(); ++smmu)
        for (std::size_t tbu = 0; tbu < smmus[smmu]->tbu_count(); ++tbu) {
            const std::string name = fmt::format("requester{}_{}", smmu, tbu);
            tlm::InitiatorSocket& port = module(name).initiator("port");
            tlm::connect(port, open_tbu("from_" + name, smmu, tbu));
            requesters_.push_back({smmu, tbu, std::make_unique<Requester>(simulation, name, port)});
        }
}

Requester* Machine::requester(std::size_t smmu, std::size_t tbu) {
    for (const RequesterPlace& place : requesters_)
        if (place.smmu == smmu && place.tbu == tbu) return place.requester.get();
    return nullptr;
}

tlm::TargetSocket& Machine::open_ingress(const std::string& name) {
    return interconnect_module_->target(name, interconnect->add_ingress());
}

tlm::TargetSocket& Machine::open_tbu(const std::string& name, std::size_t smmu, std::size_t tbu) {
    return smmu_modules_.at(smmu)->target(name, smmus[smmu]->tbu(tbu));
}

tlm::InitiatorSocket& Machine::open_window(const std::string& name, u64 base, u64 size) {
    tlm::InitiatorSocket& port = interconnect_module_->initiator("to_" + name);
    interconnect->map(name, base, size, port);
    return port;
}

void Machine::reset(bool clear_memory) {
    const struct EndReset {
        const std::vector<RequesterPlace>& places;
        ~EndReset() {
            for (const RequesterPlace& place : places) place.requester->end_reset();
        }
    } end_reset{requesters_};
    // Requesters first: their operations end with a timeout, and whoever hears of that may submit the next.
    for (const RequesterPlace& place : requesters_) place.requester->begin_reset();
    for (const auto& cpu : cpus) cpu->reset();
    for (const auto& endpoint : endpoints) endpoint->reset();
    for (const auto& complex : root_complexes) complex->reset();
    for (const auto& smmu : smmus) smmu->reset();
    for (const auto& requesters : ats_requesters) requesters->reset();
    gic->reset();
    interconnect->reset();
    ram->reset();
    // Now everybody has forgotten what was in flight.
    simulation.scheduler().clear();
    simulation.accesses().drop_in_flight();
    for (const auto& shell : modules_) shell->reset();
    if (clear_memory) ram->storage().clear();
}

void Machine::statistics(sim::StatisticsVisitor& visit) {
    const auto part = [&](const std::string& name, auto& component) {
        visit.enter(name);
        component.statistics(visit);
        visit.leave();
    };
    part("memory", *ram);
    part("interconnect", *interconnect);
    gic->statistics(visit);
    for (const auto& smmu : smmus) part(smmu->name(), *smmu);
    for (const auto& complex : root_complexes) part(complex->name(), *complex);
    for (std::size_t index = 0; index < links.size(); ++index) part(fmt::format("link{}", index), *links[index]);
    for (const auto& endpoint : endpoints) part(endpoint->path(), *endpoint);
    for (std::size_t index = 0; index < cpus.size(); ++index) part(fmt::format("cpu{}", index), *cpus[index]);
    for (const RequesterPlace& place : requesters_)
        part(smmus.empty() ? "requester" : fmt::format("requester{}_{}", place.smmu, place.tbu), *place.requester);
}

}  // namespace smmusim::platform
