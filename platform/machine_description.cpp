#include "platform/machine_description.hpp"

#include <algorithm>

#include "gic/spec/interrupts.hpp"
#include "pcie/arch/requester_id.hpp"

namespace smmusim::platform {

namespace {

constexpr u64 most_host_memory = 256 * MiB;

sw::RootComplexDescription describe_segment(const PlatformConfig& config, u32 segment) {
    const RootComplexPlace& place = config.root_complexes[segment];
    sw::RootComplexDescription description;
    description.segment = segment;
    description.ecam = place.ecam;
    description.low_window = {place.memory32, place.memory32_size};
    description.high_window = {place.memory64, place.memory64_size};
    // One rule for each function says exactly what the host bridge does with its requests.
    for (const pcie::uarch::EndpointConfig& endpoint : config.endpoints) {
        const LinkPlace& link = config.links[endpoint.link];
        if (link.root_complex != segment) continue;
        const auto address = *pcie::arch::FunctionAddress::parse(endpoint.bdf);
        const u16 requester = address.requester_id();
        description.last_bus = std::max(description.last_bus, u32{address.bus});
        const u32 stream = pcie::arch::map_requester(place.iommu_map, requester);
        if (link.translated && !config.smmus.empty() && stream != sim::no_id)
            description.iommu_map.push_back({requester, link.smmu, stream, 1, 0xFFFF});
        const u32 device = pcie::arch::map_requester(place.msi_map, requester);
        if (!config.itss.empty() && device != sim::no_id)
            description.msi_map.push_back(
                {requester, segment % static_cast<u32>(config.itss.size()), device, 1, 0xFFFF});
    }
    return description;
}

}  // namespace

sw::MachineDescription describe(const PlatformConfig& config) {
    sw::MachineDescription description;
    for (std::size_t index = 0; index < config.cpus.size(); ++index)
        description.cpus.push_back({gic::spec::affinity_of(static_cast<u32>(index))});
    description.gic.distributor = config.gic.base;
    description.gic.redistributors = config.gic.redistributor.base;
    description.gic.redistributors_size = config.cpus.size() * 128 * KiB;
    for (const gic::uarch::ItsConfig& its : config.itss) description.itss.push_back({its.base});
    for (const SmmuPlace& smmu : config.smmus)
        description.smmus.push_back({smmu.base, smmu.interrupts.event, smmu.interrupts.global_error});
    for (u32 segment = 0; segment < config.root_complexes.size(); ++segment)
        description.root_complexes.push_back(describe_segment(config, segment));
    const u64 share = sim::align_down(std::min(config.memory.size / 4, most_host_memory), 4 * KiB);
    description.host_memory = {config.memory.base + config.memory.size - share, share};
    return description;
}

}  // namespace smmusim::platform
