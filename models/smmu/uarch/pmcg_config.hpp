// What the performance monitor counter groups of one SMMU implement.
#pragma once

#include "sim/attributes.hpp"
#include "sim/config.hpp"
#include "smmu/spec/pmcg.hpp"

namespace smmusim::smmu::uarch {

/// PMCG_CFGR.SID_FILTER_TYPE.
enum class StreamFilter : u8 { Counter = 0, Group = 1 };

struct PmcgConfig {
    static constexpr u64 default_base = 0x0B20'0000;

    bool present = true;
    u64 base = default_base;
    u32 counters = 8;
    u8 counter_bits = 64;
    StreamFilter filter = StreamFilter::Counter;
    bool capture = true;
    bool msi = true;
    bool relocated = false;
    u32 device_id = sim::no_id;

    u64 base_of(std::size_t group) const { return base + group * spec::pmcg_span; }

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        constexpr const char* manual = "IHI 0070, PMCG_CFGR";
        static constexpr std::array filters{sim::Choice{"counter", 0}, sim::Choice{"group", 1}};
        static constexpr std::array<sim::Choice, 6> widths{sim::Choice{"32", 32}, sim::Choice{"36", 36},
                                                           sim::Choice{"40", 40}, sim::Choice{"44", 44},
                                                           sim::Choice{"48", 48}, sim::Choice{"64", 64}};
        visit(present, {"present", "whether there are counter groups: one of the TCU, one of each TBU"});
        visit(base, {"base", "address of the TCU's group; those of the TBUs follow, 128 KiB each", Unit::Address,
                     Origin::Choice, "free in the memory map of QEMU's virt machine"});
        visit(counters,
              {"counters", "counters of a group (CFGR.NCTR + 1)", Unit::Count, Origin::Choice, manual, 1, 64});
        Width width = static_cast<Width>(counter_bits);
        visit(width, {"counter_bits", "bits of a counter (CFGR.SIZE + 1)", Unit::Count, Origin::Choice, manual},
              widths);
        counter_bits = static_cast<u8>(width);
        visit(filter,
              {"filter", "StreamID filters: one for each counter, or one for the group (CFGR.SID_FILTER_TYPE)",
               Unit::Count, Origin::Choice, manual},
              filters);
        visit(capture, {"capture", "counters can be captured (CFGR.CAPTURE)", Unit::Count, Origin::Choice, manual});
        visit(msi, {"msi", "groups can send messages (CFGR.MSI)", Unit::Count, Origin::Choice, manual});
        visit(relocated, {"relocated", "counter values, overflow status and CAPR are in page 1 (CFGR.RELOC_CTRS)",
                          Unit::Count, Origin::Choice, manual});
        visit(device_id, {"device_id", "DeviceID of the groups' messages", Unit::Raw, Origin::Choice,
                          "none: a message to an ITS is not translated"});
    }

private:
    enum class Width : u8 {};
};

}  // namespace smmusim::smmu::uarch
