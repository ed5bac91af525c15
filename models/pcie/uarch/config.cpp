#include "pcie/uarch/config.hpp"

#include <fmt/format.h>

#include "pcie/arch/requester_id.hpp"
#include "pcie/spec/link_rate.hpp"
#include "pcie/spec/packet.hpp"

namespace smmusim::pcie::uarch {

using sim::Origin, sim::Unit;

namespace {
constexpr u64 latest = second;  // no latency of a device is longer
}

void CreditConfig::fields(sim::ConfigVisitor& visit) {
    const char* const source = "engineering estimate; 8-bit header and 12-bit data counters, scaled";
    visit(PH, {"PH", "posted headers; 0: infinite", Unit::Count, Origin::Assumed, source, 0, 1u << 20});
    visit(PD, {"PD", "posted data, units of 16 bytes; 0: infinite", Unit::Count, Origin::Assumed, source, 0, 1u << 20});
    visit(NPH, {"NPH", "non-posted headers; 0: infinite", Unit::Count, Origin::Assumed, source, 0, 1u << 20});
    visit(NPD, {"NPD", "non-posted data, units of 16 bytes; 0: infinite", Unit::Count, Origin::Assumed, source, 0,
                1u << 20});
    visit(CplH, {"CplH", "completion headers; 0: infinite, as PCIe demands of endpoints and root complexes",
                 Unit::Count, Origin::Manual, "PCIe, flow control: infinite completion credits", 0, 1u << 20});
    visit(CplD, {"CplD", "completion data, units of 16 bytes; 0: infinite", Unit::Count, Origin::Manual,
                 "PCIe, flow control: infinite completion credits", 0, 1u << 20});
}

std::string CreditConfig::problem(u32 payload_limit) const {
    const u32 needed = payload_limit / spec::credit_bytes;
    if (PD != 0 && PD < needed) return fmt::format("PD: {} units cannot take a payload of {} bytes", PD, payload_limit);
    if (CplD != 0 && CplD < needed)
        return fmt::format("CplD: {} units cannot take a payload of {} bytes", CplD, payload_limit);
    return {};
}

void LinkConfig::fields(sim::ConfigVisitor& visit) {
    visit(generation, {"generation", "PCIe generation: 2.5, 5, 8, 16, 32, 64 GT/s", Unit::Count, Origin::Measured,
                       "pcie-bench: Gen3 x8", 1, spec::newest_generation});
    visit(width,
          {"width", "lanes: 1, 2, 4, 8, 12, 16 or 32", Unit::Count, Origin::Measured, "pcie-bench: Gen3 x8", 1, 32});
    visit(ecrc, {"ecrc", "packets carry a digest of 4 bytes"});
    visit(propagation, {"propagation", "physical layers and wire, one way", Unit::Time, Origin::Assumed,
                        "20-40 ns per direction and port for Gen3-5", 0, latest});
    visit(credit_return, {"credit_return", "from a freed buffer to the credit at the sender", Unit::Time,
                          Origin::Assumed, "update interval of tens of symbol times plus the way back", 0, latest});
    visit.group("root_credits", "receive buffers of the root complex", root_credits);
    visit.group("device_credits", "receive buffers of the device", device_credits);
}

std::string LinkConfig::problem() const {
    if (generation < 1 || generation > spec::newest_generation)
        return fmt::format("generation: {} is not in 1 to {}", generation, spec::newest_generation);
    for (const u32 legal : {1u, 2u, 4u, 8u, 12u, 16u, 32u})
        if (width == legal) return {};
    return fmt::format("width: {} is not one of 1, 2, 4, 8, 12, 16, 32", width);
}

void EndpointConfig::fields(sim::ConfigVisitor& visit) {
    visit(bdf, {"bdf", "bus:device.function, with the segment in front if it is not 0", Unit::Raw});
    visit(link, {"link", "number of the link that the function is behind", Unit::Count, Origin::Choice, "", 0, 4095});
    visit(alias, {"alias", "the function may share its StreamID with another"});
    function.fields(visit);
    visit(issue_interval,
          {"issue_interval", "least time between two packets of the DMA engine; 0: as fast as the link takes them",
           Unit::Time, Origin::Choice, "pcie-bench's NIC issues a 64 B read each 15.79 ns", 0, latest});
    visit(transmit_latency, {"transmit_latency", "from the DMA engine to the first byte on the link", Unit::Time,
                             Origin::Assumed, "endpoint pipelines take 60-100 ns", 0, latest});
    visit(receive_latency, {"receive_latency", "from the last byte on the link to the DMA engine", Unit::Time,
                            Origin::Assumed, "endpoint pipelines take 60-100 ns", 0, latest});
    visit(register_latency, {"register_latency", "a register or configuration access inside the function", Unit::Time,
                             Origin::Assumed, "a few cycles of a 200-250 MHz core", 0, latest});
    visit(journeys_kept, {"journeys_kept", "finished messages whose parts are kept for inspection", Unit::Count,
                          Origin::Choice, "", 0, 1u << 24});
}

std::string EndpointConfig::problem() const {
    if (!arch::FunctionAddress::parse(bdf))
        return fmt::format("bdf: '{}' is not bus:device.function like 00:01.0", bdf);
    return function.problem();
}

void RootComplexConfig::fields(sim::ConfigVisitor& visit) {
    visit(rcb, {"rcb", "read completion boundary, 64 or 128", Unit::Bytes, Origin::Manual, "PCIe LNKCTL[3]", 64, 128});
    visit(cut_at_rcb,
          {"cut_at_rcb", "completions end at each boundary, as older root complexes do, instead of at MPS"});
    visit(request_latency,
          {"request_latency", "from a packet's last byte to the port towards SMMU or bus, and from the bus to the link",
           Unit::Time, Origin::Assumed, "root complex and SMMU hit take 100-150 ns together", 0, latest});
    visit(completion_latency,
          {"completion_latency",
           "from the answer of the bus to the completion's first byte, and from "
           "a completion's last byte to the bus",
           Unit::Time, Origin::Assumed, "root complex and SMMU hit take 100-150 ns together", 0, latest});
    visit.list("iommu_map", "RequesterID to StreamID; no rule: equal", iommu_map);
    visit.list("msi_map", "RequesterID to DeviceID; no rule: equal", msi_map);
}

std::string RootComplexConfig::problem() const {
    if (rcb != 64 && rcb != 128) return fmt::format("rcb: {} is neither 64 nor 128", rcb);
    return {};
}

}  // namespace smmusim::pcie::uarch
