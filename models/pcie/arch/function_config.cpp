#include "pcie/arch/function_config.hpp"

#include <fmt/format.h>

#include <bit>

namespace smmusim::pcie::arch {

void FunctionConfig::fields(sim::ConfigVisitor& visit) {
    using sim::Origin, sim::Unit;
    visit(vendor_id, {"vendor_id", "vendor in the configuration header", Unit::Raw, Origin::Choice, "", 0, 0xFFFE});
    visit(device_id, {"device_id", "device in the configuration header", Unit::Raw});
    visit(class_code, {"class_code", "class, subclass, interface", Unit::Raw, Origin::Choice, "", 0, 0xFFFFFF});
    visit(revision, {"revision", "revision in the configuration header", Unit::Raw});
    visit.list("bar", "base address registers in order; a 64-bit one counts twice", bars);
    visit(msi_vectors,
          {"msi_vectors", "vectors offered by MSI, a power of two; 0: no MSI", Unit::Count, Origin::Choice, "", 0, 32});
    visit(msi_maskable, {"msi_maskable", "MSI has mask and pending bits per vector"});
    visit(msix_vectors, {"msix_vectors", "entries of the MSI-X table; 0: no MSI-X", Unit::Count, Origin::Choice, "", 0,
                         spec::msix::maximum_vectors});
    visit(msix_bar, {"msix_bar", "BAR register whose region holds the MSI-X table", Unit::Count, Origin::Choice, "", 0,
                     spec::header::bars - 1});
    visit(power_management, {"power_management", "the function has a power management capability"});
    visit(tags, {"tags",
                 "outstanding read requests; above 32 the function comes up with 8-bit tags enabled, above 256 "
                 "with 10-bit tags",
                 Unit::Count, Origin::Measured, "pcie-bench: the NIC of the study reads with 32", 1, 1024});
    visit(mps, {"mps", "largest payload of a packet, a power of two; as firmware programmed it", Unit::Bytes,
                Origin::Measured, "pcie-bench: 256 B", 128, 4096});
    visit(mrrs, {"mrrs", "largest read request, a power of two; as firmware programmed it", Unit::Bytes, Origin::Manual,
                 "PCIe: default of DEVCTL.MRRS", 128, 4096});
}

std::string FunctionConfig::problem() const {
    const auto payload = [](u32 bytes) { return std::has_single_bit(bytes) && bytes >= 128 && bytes <= 4096; };
    if (!payload(mps)) return fmt::format("mps: {} is not a power of two from 128 to 4096", mps);
    if (!payload(mrrs)) return fmt::format("mrrs: {} is not a power of two from 128 to 4096", mrrs);
    if (tags == 0 || tags > 1024) return fmt::format("tags: {} is not in 1 to 1024", tags);
    if (msi_vectors != 0 && (!std::has_single_bit(msi_vectors) || msi_vectors > 32))
        return fmt::format("msi_vectors: {} is not a power of two up to 32", msi_vectors);
    if (msix_vectors > spec::msix::maximum_vectors)
        return fmt::format("msix_vectors: {} is more than {}", msix_vectors, spec::msix::maximum_vectors);

    u32 number = 0;  // of the BAR register
    bool table_placed = msix_vectors == 0;
    const u64 table_bytes = u64{pending_array_offset(msix_vectors)} + pending_array_bytes(msix_vectors);
    for (std::size_t index = 0; index < bars.size(); ++index) {
        const BarConfig& bar = bars[index];
        if (bar.size != 0 && (!std::has_single_bit(bar.size) || bar.size < 16))
            return fmt::format("bar{}.size: {} is not a power of two from 16", index, bar.size);
        if (!bar.wide && bar.size > 2 * GiB)
            return fmt::format("bar{}.size: {} does not fit below 4 GiB; make it wide", index, bar.size);
        if (number == msix_bar && bar.size != 0) {
            if (msix_vectors != 0 && bar.size < table_bytes)
                return fmt::format("bar{}.size: {} is too small for {} MSI-X vectors, which need {}", index, bar.size,
                                   msix_vectors, table_bytes);
            table_placed = true;
        }
        number += bar.wide ? 2 : 1;
    }
    if (number > spec::header::bars)
        return fmt::format("bar: {} BAR registers needed, a function has {}", number, spec::header::bars);
    if (!table_placed) return fmt::format("msix_bar: there is no region at BAR register {}", msix_bar);
    return {};
}

}  // namespace smmusim::pcie::arch
