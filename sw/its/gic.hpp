// The GICv3 driver: distributor, redistributors, CPU interfaces, LPI tables.
#pragma once

#include <vector>

#include "sw/cpu/poll.hpp"
#include "sw/its/config.hpp"
#include "sw/its/lpi.hpp"

namespace smmusim::sw::its {

/// Where the GIC is.
struct GicDescription {
    u64 distributor = 0x0800'0000;
    u64 redistributors = 0x080A'0000;
    u64 redistributors_size = 0xF6'0000;
};

/// What all redistributors offer.
enum class GicVersion : u8 { V3, V4_0, V4_1 };

class GicDriver {
public:
    /// `affinities[n]` is MPIDR of CPU n in the form of GICR_TYPER.Affinity_Value.
    GicDriver(const GicDescription& description, const DriverConfig& config, cpu::PagePool& pool,
              std::vector<u32> affinities);

    /// 0, -ENODEV (no GICv3 there), -ETIMEDOUT, -ENOMEM.
    Task<int> init_distributor(cpu::Cpu& cpu);
    /// Runs on the CPU that it is for.
    Task<int> init_cpu(cpu::Cpu& cpu);
    /// Routes a shared interrupt to CPU `target` and enables it.
    Task<int> enable_spi(cpu::Cpu& cpu, u32 intid, bool edge, u32 target);

    Task<int> route_spi(cpu::Cpu& cpu, u32 intid, u32 target);
    /// Afterwards no CPU is signalled any more.
    Task<> disable_spi(cpu::Cpu& cpu, u32 intid);
    /// Forgets that it is pending.
    Task<> clear_spi(cpu::Cpu& cpu, u32 intid);

    /// Writes of GICD_SETSPI_NSR raise SPIs.
    bool has_message_spis() const { return has_message_spis_; }
    bool has_lpis() const { return has_lpis_; }
    LpiTables& lpis() { return lpis_; }
    std::size_t cpus() const { return affinities_.size(); }
    /// A redistributor as RDbase of ITS commands, by address (PTA=1) or by Processor_Number.
    u64 target(u32 cpu, bool by_address) const;

    // GICv4; known when every CPU is up.
    GicVersion version() const;
    /// Address of the frames of a CPU's redistributor.
    u64 redistributor(u32 cpu) const { return redistributors_[cpu].base; }
    /// Shareability and cacheability as that redistributor keeps them in the registers of its tables.
    u64 table_attributes(u32 cpu) const { return redistributors_[cpu].attributes; }
    /// GICv4.1: the vPE table, as GITS_BASER names it; 0: none yet.
    u64 shared_vpe_table() const { return vpe_table_; }
    void share_vpe_table(u64 base, u64 page_code, u64 pages);
    /// GICv4.1: as GICR_VPROPBASER of a CPU names it.
    u64 vpe_table(u32 cpu) const;

private:
    struct Redistributor {
        u64 base = 0;
        u32 number = 0;
        bool lpis = false;
        GicVersion version = GicVersion::V3;
        u64 attributes = 0;
    };
    Task<int> wait_for_writes(cpu::Cpu& cpu);
    Task<int> find_redistributor(cpu::Cpu& cpu);
    Task<int> init_lpis(cpu::Cpu& cpu);

    GicDescription description_;
    cpu::PollPolicy polling_;
    std::vector<u32> affinities_;
    std::vector<Redistributor> redistributors_;
    LpiTables lpis_;
    bool has_lpis_ = false;
    bool has_message_spis_ = false;
    u64 vpe_table_ = 0;
    u64 vpe_table_size_ = 0;  ///< Page_Size and Size of GICR_VPROPBASER
    u32 interrupts_ = 0;      ///< INTIDs below this are SGIs, PPIs and SPIs
};

}  // namespace smmusim::sw::its
