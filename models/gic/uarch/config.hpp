// Sizes and latencies of the interrupt controller; every latency counts cycles of its clock.
#pragma once

#include "gic/spec/virtual.hpp"
#include "sim/assoc_cache.hpp"
#include "sim/config.hpp"

namespace smmusim::gic::uarch {

inline constexpr const char* estimate = "engineering estimate; no figures are published for GIC parts";

struct RedistributorConfig {
    u64 base = 0x080A'0000;
    sim::CacheConfig property_cache{.entries = 256, .ways = 2};
    u32 property_slots = 4;
    u32 property_cycles = 3;
    u32 forward_cycles = 5;
    bool direct_lpi = false;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(base, {"base", "address of the first redistributor", Unit::Address, Origin::Choice,
                     "memory map of QEMU's virt machine"});
        visit.group("property_cache", "LPI configuration bytes kept by each redistributor", property_cache);
        visit(property_slots, {"property_slots", "LPI configuration bytes fetched at the same time", Unit::Count,
                               Origin::Assumed, estimate, 1, 1024});
        visit(property_cycles, {"property_cycles", "look-up of an LPI's configuration byte in the cache", Unit::Cycles,
                                Origin::Assumed, estimate, 0, 1'000'000});
        visit(direct_lpi, {"direct_lpi", "whether GICR_SETLPIR and GICR_CLRLPIR work", Unit::Count, Origin::Manual,
                           "GICR_TYPER.DirectLPI; a machine with an ITS rarely has it"});
        visit(forward_cycles, {"forward_cycles", "from the choice of an interrupt to its arrival at the CPU interface",
                               Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
    }
};

struct CpuInterfaceConfig {
    u32 signal_cycles = 3;
    u32 sgi_cycles = 10;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(signal_cycles, {"signal_cycles", "from the arrival of an interrupt to the rise of the IRQ line",
                              Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
        visit(sgi_cycles, {"sgi_cycles", "from the write of ICC_SGI1R_EL1 to the SGI being pending at its target",
                           Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
    }
};

struct V2mConfig {
    bool present = true;
    u64 base = 0x0802'0000;
    u32 first_spi = 144;
    u32 count = 64;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(present, {"present", "whether there is a GICv2m frame"});
        visit(base, {"base", "address of the frame", Unit::Address});
        visit(first_spi, {"first_spi", "INTID of the frame's first SPI", Unit::Count, Origin::Choice,
                          "disjoint from the wired SPIs of the default machine", 32, 1019});
        visit(count, {"count", "number of SPIs of the frame", Unit::Count, Origin::Choice,
                      "disjoint from the wired SPIs of the default machine", 0, 988});
    }
};

struct MbiConfig {
    bool present = false;
    u64 base = 0x0803'0000;
    u32 first_spi = 208;
    u32 count = 32;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        constexpr const char* source = "disjoint from the wired SPIs and the GICv2m frame of the default machine";
        visit(present, {"present", "whether the distributor's message registers have an alias"});
        visit(base, {"base", "address of the frame with the alias", Unit::Address});
        visit(first_spi,
              {"first_spi", "INTID of the first SPI that it may set", Unit::Count, Origin::Choice, source, 32, 1019});
        visit(count, {"count", "number of SPIs that it may set", Unit::Count, Origin::Choice, source, 1, 988});
    }
};

struct MultiFrameConfig {
    bool present = false;
    u64 base = 0x0804'0000;
    u32 cluster_cpus = 2;
    u32 first_spi = 240;
    u32 count = 8;

    u32 frames(std::size_t cpus) const { return static_cast<u32>((cpus + cluster_cpus - 1) / cluster_cpus); }
    u64 frame(u32 index) const { return base + index * (64 * KiB); }

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        constexpr const char* source = "disjoint from the wired SPIs and the other frames of the default machine";
        visit(present, {"present", "whether each cluster of CPUs has a message frame of its own"});
        visit(base, {"base", "address of the first cluster's frame; the others follow, 64 KiB each", Unit::Address});
        visit(cluster_cpus, {"cluster_cpus", "CPUs of a cluster", Unit::Count, Origin::Choice, "", 1, 65'536});
        visit(first_spi, {"first_spi", "INTID of the first SPI of the first frame; those of the others follow",
                          Unit::Count, Origin::Choice, source, 32, 1019});
        visit(count, {"count", "number of SPIs of each frame", Unit::Count, Origin::Choice, source, 1, 988});
    }
};

struct MessageWindowConfig {
    bool present = false;
    u64 base = 0xFEE0'0000;
    u32 first_spi = 256;
    u32 count = 8;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        constexpr const char* source = "disjoint from the wired SPIs and the other frames of the default machine";
        visit(present, {"present",
                        "whether writes to 1 MiB of I/O addresses are messages, whatever the SMMU's tables "
                        "say"});
        visit(base, {"base", "first address of the window", Unit::Address, Origin::Manual, "as on x86"});
        visit(first_spi, {"first_spi", "INTID of the first vector of CPU 0; those of the other CPUs follow",
                          Unit::Count, Origin::Choice, source, 32, 1019});
        visit(count, {"count", "vectors of each CPU, from 32 on", Unit::Count, Origin::Choice, source, 1, 224});
    }
};

inline constexpr std::array<sim::Choice, 3> version_names{sim::Choice{"3", 0}, sim::Choice{"4.0", 1},
                                                          sim::Choice{"4.1", 2}};

struct GicConfig {
    spec::Version version = spec::Version::V3;
    u64 clock = 1'000'000'000;
    u64 base = 0x0800'0000;
    u32 id_bits = 16;
    u32 spis = 256;
    u32 priority_bits = 5;
    u32 register_cycles = 4;
    RedistributorConfig redistributor;
    CpuInterfaceConfig cpu_interface;
    V2mConfig v2m;
    MbiConfig mbi;
    MultiFrameConfig multi_frame;
    MessageWindowConfig message_window;

    /// GICD_TYPER.ITLinesNumber counts words of 32.
    u32 implemented_spis() const { return (spis + 31) / 32 * 32; }

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(version, {"version", "revision of the architecture; from 4.0 on guests get LPIs without software"},
              version_names);
        visit(clock, {"clock", "clock of distributor, redistributors, CPU interfaces and ITSs", Unit::Hertz,
                      Origin::Assumed, estimate, 1'000, 1'000'000'000'000});
        visit(base, {"base", "address of the distributor", Unit::Address, Origin::Choice,
                     "memory map of QEMU's virt machine"});
        visit(id_bits, {"id_bits", "bits of an INTID; LPIs are 8192 to 2^id_bits - 1", Unit::Count, Origin::Manual,
                        "IHI 0069, GICD_TYPER.IDbits", 14, 24});
        visit(spis, {"spis", "shared peripheral interrupts, rounded up to a multiple of 32", Unit::Count,
                     Origin::Choice, "as QEMU's virt machine", 32, 992});
        visit(priority_bits, {"priority_bits", "implemented bits of a priority", Unit::Count, Origin::Manual,
                              "Arm cores, ICC_CTLR_EL1.PRIbits", 4, 8});
        visit(register_cycles, {"register_cycles", "answer to a register access", Unit::Cycles, Origin::Assumed,
                                estimate, 0, 1'000'000});
        visit.group("redistributor", "redistributors", redistributor);
        visit.group("cpu_interface", "CPU interfaces", cpu_interface);
        visit.group("v2m", "GICv2m frame: a doorbell that needs no ITS", v2m);
        visit.group("mbi", "frame with an alias of the distributor's doorbell", mbi);
        visit.group("multi_frame", "message frames of clusters of CPUs", multi_frame);
        visit.group("message_window", "window of messages that is decoded before translation", message_window);
    }
};

/// What a failed command does to the queue; the architecture leaves it open (IHI 0069, 5.3.3).
enum class CommandErrorPolicy : u8 { Ignore, Stall, SError };
inline constexpr std::array<sim::Choice, 3> command_error_policy_names{
    sim::Choice{"ignore", 0}, sim::Choice{"stall", 1}, sim::Choice{"serror", 2}};

struct ItsConfig {
    u64 base = 0;
    u32 device_bits = 16;
    u32 event_bits = 16;
    u32 collection_bits = 16;
    bool indirect_devices = true;
    bool indirect_collections = true;
    u32 hardware_collections = 0;
    bool collection_table = true;
    bool collections_add_up = true;
    bool target_addresses = false;
    sim::CacheConfig device_cache{.entries = 32, .ways = 2};
    sim::CacheConfig event_cache{.entries = 256, .ways = 2};
    sim::CacheConfig collection_cache{.entries = 16, .ways = 2};
    sim::CacheConfig vpe_cache{.entries = 16, .ways = 2};
    u32 translation_slots = 5;
    u32 accept_cycles = 4;
    u32 accept_interval = 4;
    u32 device_cycles = 3;
    u32 event_cycles = 3;
    u32 collection_cycles = 3;
    u32 message_cycles = 15;
    u32 message_credits = 16;
    u32 command_cycles = 10;
    CommandErrorPolicy command_errors = CommandErrorPolicy::Ignore;

    /// The machine's address of the ITS at this place of the list; the first is where QEMU's virt machine has it.
    static u64 default_base(std::size_t index) {
        return index == 0 ? 0x0808'0000 : 0x0B10'0000 + (index - 1) * 0x2'0000;
    }

    /// Why there is no such ITS, or nothing.
    std::string problem() const {
        if (hardware_collections == 0 && !collection_table) return "an ITS needs collections";
        return {};
    }

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        constexpr const char* depth = "depths of the GIC-600 in the Intel Agilex 5";
        visit(base, {"base", "address of the control frame; 0: the machine's address for its place in the list",
                     Unit::Address});
        visit(device_bits,
              {"device_bits", "bits of a DeviceID", Unit::Count, Origin::Manual, "GITS_TYPER.Devbits", 1, 32});
        visit(event_bits,
              {"event_bits", "bits of an EventID", Unit::Count, Origin::Manual, "GITS_TYPER.ID_bits", 1, 32});
        visit(collection_bits, {"collection_bits", "bits of an ICID", Unit::Count, Origin::Manual,
                                "GITS_TYPER.CIDbits; 16: CIL is 0", 1, 16});
        visit(indirect_devices, {"indirect_devices", "whether the device table may have two levels", Unit::Count,
                                 Origin::Manual, "GITS_BASER.Indirect"});
        visit(indirect_collections, {"indirect_collections", "whether the collection table may have two levels",
                                     Unit::Count, Origin::Manual, "GITS_BASER.Indirect"});
        visit(hardware_collections, {"hardware_collections", "collections that need no memory", Unit::Count,
                                     Origin::Manual, "GITS_TYPER.HCC", 0, 255});
        visit(collection_table, {"collection_table", "whether collections may lie in memory", Unit::Count,
                                 Origin::Manual, "a GITS_BASER of type Collection"});
        visit(collections_add_up,
              {"collections_add_up", "whether collections in memory come on top of those that need none", Unit::Count,
               Origin::Manual, "GITS_TYPER.CCT"});
        visit(target_addresses, {"target_addresses", "commands name a redistributor by address, not by number",
                                 Unit::Count, Origin::Manual, "GITS_TYPER.PTA"});
        visit.group("device_cache", depth, device_cache);
        visit.group("event_cache", depth, event_cache);
        visit.group("collection_cache", depth, collection_cache);
        visit.group("vpe_cache", "vPE table entries kept by the ITS", vpe_cache);
        visit(translation_slots, {"translation_slots", "messages translated at the same time", Unit::Count,
                                  Origin::Manual, "GIC-600 TRM: 5 reads in flight per ITS", 1, 4096});
        visit(accept_cycles, {"accept_cycles", "from the arrival of a message to the start of its translation",
                              Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
        visit(accept_interval, {"accept_interval", "between two messages accepted", Unit::Cycles, Origin::Assumed,
                                estimate, 0, 1'000'000});
        visit(device_cycles,
              {"device_cycles", "look-up in the device cache", Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
        visit(event_cycles,
              {"event_cycles", "look-up in the event cache", Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
        visit(collection_cycles, {"collection_cycles", "look-up in the collection cache", Unit::Cycles, Origin::Assumed,
                                  estimate, 0, 1'000'000});
        visit(message_cycles, {"message_cycles", "from the ITS to a redistributor, and from one to another",
                               Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
        visit(message_credits, {"message_credits", "messages on their way to redistributors at the same time",
                                Unit::Count, Origin::Manual, "GIC-600 TRM: 1 to 16 LPI credits", 1, 4096});
        visit(command_cycles, {"command_cycles", "decoding and execution of a command, without its memory accesses",
                               Unit::Cycles, Origin::Assumed, estimate, 0, 1'000'000});
        visit(command_errors,
              {"command_errors", "what a command error does: nothing, stop the queue, or interrupt cpu0 by an SError"},
              command_error_policy_names);
    }
};

}  // namespace smmusim::gic::uarch
