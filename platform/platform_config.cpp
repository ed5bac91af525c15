#include "platform/platform_config.hpp"

#include <fmt/format.h>

#include <map>

#include "gic/spec/its_registers.hpp"
#include "gic/spec/redistributor.hpp"
#include "pcie/arch/requester_id.hpp"

namespace smmusim::platform {

using sim::Origin;
using sim::Unit;

namespace {

constexpr const char* virt = "memory map of QEMU's virt machine";

// Below 1 GiB QEMU's virt has 0x10000000-0x3EFEFFFF for PCIe memory; each of five segments gets a share.
constexpr u64 memory32_share = 128 * MiB;
constexpr u64 memory64_share = 64 * GiB;

}  // namespace

void WiredInterrupts::fields(sim::ConfigVisitor& visit) {
    constexpr const char* source = "SPIs 74-77 of QEMU's virt machine, four for each SMMU";
    visit(event, {"event", "INTID for new event records; 0: not wired", Unit::Raw, Origin::Choice, source, 0, 1019});
    visit(pri, {"pri", "INTID for new page requests; 0: not wired", Unit::Raw, Origin::Choice, source, 0, 1019});
    visit(sync, {"sync", "INTID for CMD_SYNC completion; 0: not wired", Unit::Raw, Origin::Choice, source, 0, 1019});
    visit(global_error,
          {"global_error", "INTID for global errors; 0: not wired", Unit::Raw, Origin::Choice, source, 0, 1019});
    constexpr const char* monitors = "SPIs of virtio-mmio in QEMU's virt machine, which this machine has not";
    visit(pmcg, {"pmcg", "INTID of the first counter group's overflows, the others follow; 0: none is wired", Unit::Raw,
                 Origin::Choice, monitors, 0, 1019});
    visit(pmcg_count, {"pmcg_count", "counter groups that are wired; the others can only send messages", Unit::Count,
                       Origin::Choice, monitors, 0, 988});
}

std::size_t WiredInterrupts::pmcgs(const smmu::uarch::SmmuConfig& smmu) const {
    if (pmcg == 0 || !smmu.pmcg.present) return 0;
    return std::min<std::size_t>(pmcg_count, 1 + smmu.tbus.size());
}

SmmuPlace SmmuPlace::at(std::size_t index) {
    SmmuPlace place;
    if (index != 0) place.base = 0x0B00'0000 + (index - 1) * 0x2'0000;
    const u32 first = 106 + 4 * static_cast<u32>(index);
    place.interrupts = {first, first + 1, first + 2, first + 3, 0, 0};
    // Eight groups each: their pages end below 0x0C000000, their INTIDs below those of the first SMMU.
    place.pmcg.base = smmu::uarch::PmcgConfig::default_base + index * 16 * smmu::spec::pmcg_span;
    if (index < 7) {
        place.interrupts.pmcg = 48 + 8 * static_cast<u32>(index);
        place.interrupts.pmcg_count = 8;
    }
    return place;
}

void SmmuPlace::fields(sim::ConfigVisitor& visit) {
    SmmuConfig::fields(visit);
    visit.group("interrupts", "wired interrupts", interrupts);
}

RootComplexPlace RootComplexPlace::at(std::size_t index) {
    RootComplexPlace place;
    place.ecam = 0x40'1000'0000 + index * 256 * MiB;
    place.memory32 = 0x1000'0000 + index * memory32_share;
    place.memory32_size = memory32_share;
    place.memory64 = 0x80'0000'0000 + index * memory64_share;
    place.memory64_size = memory64_share;
    return place;
}

void RootComplexPlace::fields(sim::ConfigVisitor& visit) {
    RootComplexConfig::fields(visit);
    visit(ecam, {"ecam", "address of the configuration window", Unit::Address, Origin::Choice, virt});
    visit(buses, {"buses", "buses of the segment", Unit::Count, Origin::Choice, virt, 1, 256});
    visit(memory32, {"memory32", "window below 4 GiB for BARs", Unit::Address, Origin::Choice, virt});
    visit(memory32_size, {"memory32_size", "its size; 0: no such window", Unit::Bytes, Origin::Choice, virt});
    visit(memory64, {"memory64", "window above 4 GiB for BARs", Unit::Address, Origin::Choice, virt});
    visit(memory64_size, {"memory64_size", "its size; 0: no such window", Unit::Bytes, Origin::Choice, virt});
}

void LinkPlace::fields(sim::ConfigVisitor& visit) {
    LinkConfig::fields(visit);
    visit(root_complex,
          {"root_complex", "segment whose root port the link ends at", Unit::Count, Origin::Choice, "", 0, 0xFFFF});
    visit(translated, {"translated", "requests go through an SMMU, if the machine has one"});
    visit(smmu, {"smmu", "number of that SMMU", Unit::Count, Origin::Choice, "", 0, 4095});
    visit(tbu, {"tbu", "number of its TBU", Unit::Count, Origin::Choice, "", 0, 4095});
}

gic::uarch::ItsConfig PlatformConfig::its_at(std::size_t index) {
    gic::uarch::ItsConfig its;
    its.base = gic::uarch::ItsConfig::default_base(index);
    return its;
}

pcie::uarch::EndpointConfig PlatformConfig::endpoint_at(std::size_t index) {
    pcie::uarch::EndpointConfig endpoint;
    endpoint.bdf = fmt::format("00:{:02x}.0", (index + 1) % 32);
    return endpoint;
}

void PlatformConfig::fields(sim::ConfigVisitor& visit) {
    visit.list("cpu", "CPU", cpus);
    visit.group("memory", "main memory", memory);
    visit.group("interconnect", "what connects CPUs, SMMUs, memory and devices", interconnect);
    visit.group("gic", "interrupt controller", gic);
    visit.list("its", "interrupt translation service", itss, &PlatformConfig::its_at);
    visit.list("smmu", "system memory management unit", smmus, &SmmuPlace::at);
    visit.list("root_complex", "PCIe host bridge; its number is the segment", root_complexes, &RootComplexPlace::at);
    visit.list("link", "PCIe link below a root port", links);
    visit.list("endpoint", "PCIe function", endpoints, &PlatformConfig::endpoint_at);
}

namespace {

using Problem = std::optional<ConfigProblem>;

Problem interrupts_of(const PlatformConfig& config) {
    std::map<u32, std::string> taken;
    for (std::size_t index = 0; index < config.smmus.size(); ++index) {
        const WiredInterrupts& wires = config.smmus[index].interrupts;
        std::vector<std::pair<const char*, u32>> inputs{
            {"event", wires.event}, {"pri", wires.pri}, {"sync", wires.sync}, {"global_error", wires.global_error}};
        for (std::size_t group = 0; group < wires.pmcgs(config.smmus[index]); ++group)
            inputs.emplace_back("pmcg", wires.pmcg + static_cast<u32>(group));
        for (const auto& [name, intid] : inputs) {
            if (intid == 0) continue;
            const std::string path = fmt::format("smmu{}.interrupts.{}", index, name);
            if (intid < 32 || intid >= 32 + config.gic.spis)
                return ConfigProblem{path, fmt::format("INTID {} is no SPI of this machine", intid),
                                     fmt::format("choose one of 32 to {}", 31 + config.gic.spis)};
            const auto [other, added] = taken.emplace(intid, path);
            if (!added)
                return ConfigProblem{path, fmt::format("INTID {} is that of {}", intid, other->second),
                                     "give each wire its own"};
            const auto& v2m = config.gic.v2m;
            if (v2m.present && intid >= v2m.first_spi && intid - v2m.first_spi < v2m.count)
                return ConfigProblem{path, fmt::format("INTID {} belongs to the GICv2m frame", intid),
                                     "choose another, or move gic.v2m.first_spi"};
        }
    }
    return {};
}

/// SPIs that belong to doorbells: each belongs to one, and to no wire.
Problem doorbells_of(const PlatformConfig& config) {
    struct Range {
        std::string path;
        u64 first;
        u64 count;
    };
    const gic::uarch::GicConfig& gic = config.gic;
    const u64 cpus = config.cpus.size();
    std::vector<Range> ranges;
    const auto add = [&](bool present, const char* name, u64 first, u64 count) {
        if (present) ranges.push_back({fmt::format("gic.{}.first_spi", name), first, count});
    };
    add(gic.mbi.present, "mbi", gic.mbi.first_spi, gic.mbi.count);
    add(gic.multi_frame.present, "multi_frame", gic.multi_frame.first_spi,
        u64{gic.multi_frame.frames(cpus)} * gic.multi_frame.count);
    add(gic.message_window.present, "message_window", gic.message_window.first_spi, cpus * gic.message_window.count);
    for (const Range& range : ranges)
        if (range.first + range.count > 32 + gic.implemented_spis())
            return ConfigProblem{range.path,
                                 fmt::format("INTID {} is no SPI of this machine", range.first + range.count - 1),
                                 "raise gic.spis, or have fewer"};
    add(gic.v2m.present, "v2m", gic.v2m.first_spi, gic.v2m.count);
    for (std::size_t index = 0; index < config.smmus.size(); ++index) {
        const WiredInterrupts& wires = config.smmus[index].interrupts;
        for (const u32 intid : {wires.event, wires.pri, wires.sync, wires.global_error})
            if (intid != 0) ranges.push_back({fmt::format("smmu{}.interrupts", index), intid, 1});
        if (const std::size_t count = wires.pmcgs(config.smmus[index]); count != 0)
            ranges.push_back({fmt::format("smmu{}.interrupts.pmcg", index), wires.pmcg, count});
    }
    for (std::size_t one = 0; one < ranges.size(); ++one)
        for (std::size_t other = one + 1; other < ranges.size(); ++other)
            if (ranges[one].first < ranges[other].first + ranges[other].count &&
                ranges[other].first < ranges[one].first + ranges[one].count)
                return ConfigProblem{ranges[one].path,
                                     fmt::format("shares INTID {} with {}",
                                                 std::max(ranges[one].first, ranges[other].first), ranges[other].path),
                                     "move one of them"};
    return {};
}

/// The frames of the interrupt controller grow with its version.
Problem frames_of(const PlatformConfig& config) {
    const u64 first = config.gic.redistributor.base;
    const u64 end = first + config.cpus.size() * gic::spec::redistributor_size(config.gic.version);
    const u64 size = gic::spec::its_size(config.gic.version);
    for (std::size_t index = 0; index < config.itss.size(); ++index) {
        const u64 base = config.itss[index].base;
        if (base < end && first < base + size)
            return ConfigProblem{fmt::format("its{}.base", index),
                                 fmt::format("its {} KiB at {:#x} reach into the redistributors", size / KiB, base),
                                 "move it, to 0x0B800000 for example"};
        for (std::size_t other = 0; other < index; ++other)
            if (base < config.itss[other].base + size && config.itss[other].base < base + size)
                return ConfigProblem{fmt::format("its{}.base", index), fmt::format("it overlaps its{}", other),
                                     fmt::format("leave {} KiB for each", size / KiB)};
    }
    return {};
}

Problem links_of(const PlatformConfig& config) {
    for (std::size_t index = 0; index < config.links.size(); ++index) {
        const LinkPlace& link = config.links[index];
        const std::string path = fmt::format("link{}", index);
        if (const std::string problem = link.problem(); !problem.empty())
            return ConfigProblem{path, problem, "see ./smmusim params link"};
        if (link.root_complex >= config.root_complexes.size())
            return ConfigProblem{path + ".root_complex", fmt::format("there is no root_complex{}", link.root_complex),
                                 fmt::format("the machine has {}", config.root_complexes.size())};
        if (!link.translated || config.smmus.empty()) continue;
        if (link.smmu >= config.smmus.size())
            return ConfigProblem{path + ".smmu", fmt::format("there is no smmu{}", link.smmu),
                                 fmt::format("the machine has {}", config.smmus.size())};
        if (link.tbu >= config.smmus[link.smmu].tbus.size())
            return ConfigProblem{path + ".tbu", fmt::format("smmu{} has no tbu{}", link.smmu, link.tbu),
                                 fmt::format("it has {}", config.smmus[link.smmu].tbus.size())};
    }
    return {};
}

/// The buffers at both ends of the link must take the payloads of the function.
Problem credits_of(const PlatformConfig& config, std::size_t index) {
    const pcie::uarch::EndpointConfig& endpoint = config.endpoints[index];
    const LinkPlace& link = config.links[endpoint.link];
    const u32 payload = endpoint.function.mps;
    const auto check = [&](const char* end, const pcie::uarch::CreditConfig& credits) -> Problem {
        const std::string problem = credits.problem(payload);
        if (problem.empty()) return {};
        const std::size_t colon = problem.find(": ");  // behind the name of the credits
        return ConfigProblem{fmt::format("link{}.{}.{}", endpoint.link, end, problem.substr(0, colon)),
                             problem.substr(colon + 2),
                             fmt::format("write {} or more, 0 for infinite, or lower endpoint{}.mps",
                                         payload / pcie::spec::credit_bytes, index)};
    };
    if (auto problem = check("root_credits", link.root_credits)) return problem;
    return check("device_credits", link.device_credits);
}

Problem endpoints_of(const PlatformConfig& config) {
    struct Owner {
        std::size_t endpoint;
        bool alias;
    };
    std::map<u32, std::size_t> functions;
    std::map<std::pair<u32, u32>, Owner> streams;
    for (std::size_t index = 0; index < config.endpoints.size(); ++index) {
        const pcie::uarch::EndpointConfig& endpoint = config.endpoints[index];
        const std::string path = fmt::format("endpoint{}", index);
        if (const std::string problem = endpoint.problem(); !problem.empty())
            return ConfigProblem{path, problem, "see ./smmusim params endpoint"};
        if (endpoint.link >= config.links.size())
            return ConfigProblem{path + ".link", fmt::format("there is no link{}", endpoint.link),
                                 fmt::format("the machine has {}", config.links.size())};
        if (auto problem = credits_of(config, index)) return problem;
        const auto address = *pcie::arch::FunctionAddress::parse(endpoint.bdf);
        const LinkPlace& link = config.links[endpoint.link];
        if (address.segment != link.root_complex)
            return ConfigProblem{path + ".bdf",
                                 fmt::format("{} is not in segment {}, where link{} ends", endpoint.bdf,
                                             link.root_complex, endpoint.link),
                                 fmt::format("write {:04x}:{:02x}:{:02x}.{}, or choose another link", link.root_complex,
                                             address.bus, address.device, address.function)};
        const RootComplexPlace& complex = config.root_complexes[link.root_complex];
        if (address.bus >= complex.buses)
            return ConfigProblem{path + ".bdf",
                                 fmt::format("root_complex{} has no bus {:02x}", link.root_complex, address.bus),
                                 fmt::format("raise root_complex{}.buses", link.root_complex)};
        const auto [same, added] = functions.emplace(address.global_id(), index);
        if (!added)
            return ConfigProblem{path + ".bdf", fmt::format("{} is endpoint{} already", endpoint.bdf, same->second),
                                 "give each function its own number"};
        if (!link.translated || config.smmus.empty()) continue;
        const u32 stream = pcie::arch::map_requester(complex.iommu_map, address.requester_id());
        if (stream == sim::no_id) continue;
        const auto [owner, first] = streams.emplace(std::pair{link.smmu, stream}, Owner{index, endpoint.alias});
        if (!first && !(owner->second.alias && endpoint.alias))
            return ConfigProblem{path, fmt::format("endpoint{} has StreamID {:#x} too", owner->second.endpoint, stream),
                                 "change the iommu-map, or say `alias: true` at both"};
    }
    return {};
}

}  // namespace

std::optional<ConfigProblem> PlatformConfig::problem() const {
    if (cpus.empty()) return ConfigProblem{"cpu_count", "a machine needs a CPU", "write 1 or more"};
    if ((memory.base | memory.size) % (4 * KiB) != 0)
        return ConfigProblem{"memory", "base and size must be multiples of 4 KiB", "round them"};
    try {
        memory::Backing::parse(memory.backing);
    } catch (const std::invalid_argument& error) {
        return ConfigProblem{"memory.backing", error.what(), ""};
    }
    for (std::size_t index = 0; index < root_complexes.size(); ++index)
        if (const std::string problem = root_complexes[index].problem(); !problem.empty())
            return ConfigProblem{fmt::format("root_complex{}", index), problem, "see ./smmusim params root_complex"};
    for (std::size_t index = 0; index < itss.size(); ++index)
        if (const std::string problem = itss[index].problem(); !problem.empty())
            return ConfigProblem{fmt::format("its{}", index), problem, "see ./smmusim params its"};
    for (std::size_t index = 0; index < smmus.size(); ++index)
        if (smmus[index].tbus.empty())
            return ConfigProblem{fmt::format("smmu{}.tbu_count", index), "an SMMU needs a TBU", "write 1 or more"};
    for (std::size_t index = 0; index < smmus.size(); ++index)
        if (const std::string problem = smmus[index].tcu.problem(); !problem.empty())
            return ConfigProblem{fmt::format("smmu{}.tcu", index), problem, "see ./smmusim params smmu0.tcu"};
    if (auto problem = frames_of(*this)) return problem;
    if (auto problem = interrupts_of(*this)) return problem;
    if (auto problem = doorbells_of(*this)) return problem;
    if (auto problem = links_of(*this)) return problem;
    return endpoints_of(*this);
}

}  // namespace smmusim::platform
