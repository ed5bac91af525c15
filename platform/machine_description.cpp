#include "platform/machine_description.hpp"

#include <algorithm>

#include "gic/spec/message_frames.hpp"
#include "gic/spec/redistributor.hpp"
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

void describe_doorbells(const PlatformConfig& config, sw::MachineDescription& description) {
    sw::doorbells::DoorbellDescription& doorbells = description.doorbells;
    const gic::uarch::GicConfig& gic = config.gic;
    const u32 cpus = static_cast<u32>(config.cpus.size());
    if (gic.v2m.present) doorbells.gicv2m = gic.v2m.base;
    if (gic.mbi.present) doorbells.mbi = gic.mbi.base;
    const gic::uarch::MultiFrameConfig& frames = gic.multi_frame;
    for (u32 index = 0; frames.present && index < frames.frames(cpus); ++index)
        doorbells.clusters.push_back({frames.frame(index), index * frames.cluster_cpus, frames.cluster_cpus});
    const gic::uarch::MessageWindowConfig& window = gic.message_window;
    if (!window.present) return;
    doorbells.window = {window.base, gic::spec::message_window_size, window.first_spi, window.count,
                        gic::spec::first_window_vector};
    // Whatever is mapped there would never be reached.
    sw::iommu::ReservedRegion region;
    region.start = window.base;
    region.end = window.base + (gic::spec::message_window_size - 1);
    region.type = sw::iommu::RegionType::Msi;
    region.prot = sw::iommu::IOMMU_WRITE | sw::iommu::IOMMU_NOEXEC | sw::iommu::IOMMU_MMIO;
    sw::ReservedDescription reserved;
    reserved.region = region;
    description.reserved.push_back(reserved);
}

}  // namespace

sw::MachineDescription describe(const PlatformConfig& config) {
    sw::MachineDescription description;
    for (std::size_t index = 0; index < config.cpus.size(); ++index)
        description.cpus.push_back({gic::spec::affinity_of(static_cast<u32>(index))});
    description.gic.distributor = config.gic.base;
    description.gic.redistributors = config.gic.redistributor.base;
    description.gic.redistributors_size = config.cpus.size() * gic::spec::redistributor_size(config.gic.version);
    for (const gic::uarch::ItsConfig& its : config.itss) description.itss.push_back({its.base});
    describe_doorbells(config, description);
    for (const SmmuPlace& smmu : config.smmus)
        description.smmus.push_back({smmu.base, smmu.interrupts.event, smmu.interrupts.global_error});
    for (u32 segment = 0; segment < config.root_complexes.size(); ++segment)
        description.root_complexes.push_back(describe_segment(config, segment));
    const u64 share = sim::align_down(std::min(config.memory.size / 4, most_host_memory), 4 * KiB);
    description.host_memory = {config.memory.base + config.memory.size - share, share};
    return description;
}

}  // namespace smmusim::platform
