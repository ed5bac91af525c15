// A GIC with virtual LPIs and what a hypervisor would set up: two vPEs, an assigned device, its vLPIs and doorbells.
#pragma once

#include "gic/machine.hpp"

namespace smmusim::gic::test {

inline ItsCommand vmapp(u32 vpe, u64 redistributor, u64 pending_table, bool valid = true) {
    ItsCommand result = command(ItsCommand::Code::VMAPP);
    result.set(ItsCommand::vPEID, vpe);
    result.set(ItsCommand::RDbase, redistributor);
    result.set(ItsCommand::VPT_addr, pending_table);
    result.set(ItsCommand::VPT_size, 15);
    result.set(ItsCommand::V, valid);
    return result;
}
inline ItsCommand vmapti(u32 device, u32 event, u32 vpe, u32 vintid, u32 doorbell = 1023) {
    ItsCommand result = about(ItsCommand::Code::VMAPTI, device, event);
    result.words[2] = 0;
    result.set(ItsCommand::vPEID, vpe);
    result.set(ItsCommand::vINTID, vintid);
    result.set(ItsCommand::Db_pINTID, doorbell);
    return result;
}
/// VSYNC, VINVALL, INVDB.
inline ItsCommand about_vpe(ItsCommand::Code code, u32 vpe) {
    ItsCommand result = command(code);
    result.set(ItsCommand::vPEID, vpe);
    return result;
}
inline ItsCommand vsync(u32 vpe) { return about_vpe(ItsCommand::Code::VSYNC, vpe); }
inline ItsCommand vmovp(u32 vpe, u64 redistributor) {
    ItsCommand result = about_vpe(ItsCommand::Code::VMOVP, vpe);
    result.set(ItsCommand::RDbase, redistributor);
    return result;
}
inline ItsCommand vmovi(u32 device, u32 event, u32 vpe) {
    ItsCommand result = about(ItsCommand::Code::VMOVI, device, event);
    result.set(ItsCommand::vPEID, vpe);
    return result;
}
inline ItsCommand vsgi(u32 vpe, u32 intid, u32 priority, bool enable = true) {
    ItsCommand result = about_vpe(ItsCommand::Code::VSGI, vpe);
    result.set(ItsCommand::vSGI, intid);
    result.set(ItsCommand::Priority, priority);
    result.set(ItsCommand::Group, true);
    result.set(ItsCommand::Enable, enable);
    return result;
}

class GuestMachine : public Machine {
public:
    static constexpr u64 vpe_table = 0x4700'0000;
    static constexpr u64 virtual_properties = 0x4710'0000;
    static constexpr u64 valid = u64{1} << 63;
    static constexpr u64 dirty = u64{1} << 60;
    static constexpr u64 pending_last = u64{1} << 61;
    static constexpr u32 device = 1;
    static constexpr u32 doorbell0 = 9000;  ///< of vPE 0; vPE 1 has the next

    explicit GuestMachine(spec::Version version) : Machine(config(version)), version_(version) {
        start_cpus();
        enable_lpis();
        set_s(0x0110, vpe_table | valid | 3);
        start_its();
        for (u32 intid = 8192; intid < 8300; ++intid) memory.put<u8>(virtual_properties + intid - 8192, 0xA1);
        for (const u32 vpe : {0u, 1u}) configure_lpi(doorbell0 + vpe, 0xA1);
        for (u32 cpu = 0; cpu < cpus; ++cpu) {
            icc("ICH_HCR_EL2", 1, cpu);
            icc("ICV_PMR_EL1", 0xF0, cpu);
            icc("ICV_IGRPEN1_EL1", 1, cpu);
        }
        execute({mapped(0, 0), mapped(1, 1), mapd(device, itt(device), 4), vmapti(device, 0, 0, 8200, doorbell0),
                 vmapti(device, 1, 1, 8201, doorbell0 + 1), vsync(0), vsync(1)});
        EXPECT_EQ(error(), 0u);
    }
    ItsCommand mapped(u32 vpe, u64 redistributor) const {
        ItsCommand result = vmapp(vpe, redistributor, pending_table(vpe));
        if (version_ == spec::Version::V4_1) {
            result.set(ItsCommand::VConf_addr, virtual_properties);
            result.set(ItsCommand::Default_Db, doorbell0 + vpe);
        }
        return result;
    }
    static u64 pending_table(u32 vpe) { return 0x4720'0000 + vpe * 0x1'0000; }
    /// Makes a vPE resident, as the hypervisor does before it runs the guest.
    void enter(u32 cpu, u32 vpe) {
        const u64 groups = u64{3} << 58;
        set_r(cpu, 0x2'0070, version_ == spec::Version::V4_1 ? vpe_table | valid | 3 : virtual_properties | 15, 8);
        set_r(cpu, 0x2'0078, version_ == spec::Version::V4_1 ? valid | groups | vpe : valid | pending_table(vpe), 8);
        run();
        EXPECT_EQ(r(cpu, 0x2'0078, 8) & (valid | dirty), valid);
    }
    /// Takes it away; GICR_VPENDBASER afterwards.
    u64 leave(u32 cpu, bool doorbell = true) {
        set_r(cpu, 0x2'0078, doorbell ? u64{1} << 62 : 0, 8);
        run();
        return r(cpu, 0x2'0078, 8);
    }
    bool in_memory(u32 vpe, u32 intid) { return (memory.u8_at(pending_table(vpe) + intid / 8) >> intid % 8 & 1) != 0; }
    u32 take(u32 cpu) { return static_cast<u32>(icc("ICV_IAR1_EL1", cpu)); }

private:
    static GicConfig config(spec::Version version) {
        GicConfig result;
        result.version = version;
        return result;
    }
    spec::Version version_;
};

}  // namespace smmusim::gic::test
