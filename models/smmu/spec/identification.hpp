// What the SMMU implements: the ID registers by their architected fields, in raw encoding (IHI 0070, 6.3.1 to 6.3.8).
#pragma once

#include <algorithm>
#include <array>

#include "sim/bits.hpp"
#include "sim/config.hpp"

namespace smmusim::smmu::spec {

/// Address size in bits by the encoding shared by IDR5.OAS, CD.IPS and STE.S2PS.
constexpr unsigned address_bits(u64 encoding) {
    constexpr std::array<unsigned, 8> bits{32, 36, 40, 42, 44, 48, 52, 56};
    return bits[encoding & 7];
}

/// Fields of the ID registers that can vary; a field that is not listed reads as its only supported value.
struct Identification {
    struct Idr0 {
        u8 S2P = 1, S1P = 1, TTF = 2, COHACC = 1, HTTU = 2, DORMHINT = 0, Hyp = 1, ATS = 1, NS1ATS = 0, ASID16 = 1,
           MSI = 1, SEV = 1, ATOS = 1, PRI = 1, VMW = 1, VMID16 = 1, CD2L = 1, TTENDIAN = 2, ATSRECERR = 1,
           STALL_MODEL = 0, TERM_MODEL = 0, ST_LEVEL = 1;

        void fields(sim::ConfigVisitor& visit) {
            field(visit, S2P, "S2P", "stage 2 translation", 0, 1);
            field(visit, S1P, "S1P", "stage 1 translation", 0, 1);
            field(visit, TTF, "TTF", "table formats: 2 VMSAv8-64", 2, 2);
            field(visit, COHACC, "COHACC", "coherent access to tables and queues", 0, 1);
            field(visit, HTTU, "HTTU", "hardware update: 0 none, 1 access flag, 2 access flag and dirty state", 0, 2);
            field(visit, DORMHINT, "DORMHINT", "STATUSR tells when nothing is cached", 0, 1);
            field(visit, Hyp, "Hyp", "EL2 stream worlds", 0, 1);
            field(visit, ATS, "ATS", "address translation service", 0, 1);
            field(visit, NS1ATS, "NS1ATS", "1: no split-stage ATS", 0, 1);
            field(visit, ASID16, "ASID16", "16-bit ASIDs", 0, 1);
            field(visit, MSI, "MSI", "message signalled interrupts of the SMMU itself", 0, 1);
            field(visit, SEV, "SEV", "wake-up events", 0, 1);
            field(visit, ATOS, "ATOS", "address translation operations by registers", 0, 1);
            field(visit, PRI, "PRI", "page request interface", 0, 1);
            field(visit, VMW, "VMW", "VMID wildcards", 0, 1);
            field(visit, VMID16, "VMID16", "16-bit VMIDs", 0, 1);
            field(visit, CD2L, "CD2L", "two-level context descriptor tables", 0, 1);
            field(visit, TTENDIAN, "TTENDIAN", "table endianness: 0 mixed, 2 little, 3 big", 0, 3);
            field(visit, ATSRECERR, "ATSRECERR", "CR2.REC_CFG_ATS records configuration errors of ATS", 0, 1);
            field(visit, STALL_MODEL, "STALL_MODEL", "0: faults stall or terminate; 1: never stall; 2: always stall", 0,
                  2);
            field(visit, TERM_MODEL, "TERM_MODEL", "0: terminate by abort or RAZ/WI; 1: by abort only", 0, 1);
            field(visit, ST_LEVEL, "ST_LEVEL", "1: two-level stream tables", 0, 1);
        }
        u32 value() const {
            return static_cast<u32>(u64{ST_LEVEL} << 27 | u64{TERM_MODEL} << 26 | u64{STALL_MODEL} << 24 |
                                    u64{ATSRECERR} << 23 | u64{TTENDIAN} << 21 | u64{CD2L} << 19 | u64{VMID16} << 18 |
                                    u64{VMW} << 17 | u64{PRI} << 16 | u64{ATOS} << 15 | u64{SEV} << 14 |
                                    u64{MSI} << 13 | u64{ASID16} << 12 | u64{NS1ATS} << 11 | u64{ATS} << 10 |
                                    u64{Hyp} << 9 | u64{DORMHINT} << 8 | u64{HTTU} << 6 | u64{COHACC} << 4 |
                                    u64{TTF} << 2 | u64{S1P} << 1 | u64{S2P});
        }
    } idr0;

    struct Idr1 {
        u8 ATTR_TYPES_OVR = 1, ATTR_PERMS_OVR = 1, CMDQS = 19, EVENTQS = 19, PRIQS = 19, SSIDSIZE = 20, SIDSIZE = 16;

        void fields(sim::ConfigVisitor& visit) {
            field(visit, ATTR_TYPES_OVR, "ATTR_TYPES_OVR", "memory type overrides work", 0, 1);
            field(visit, ATTR_PERMS_OVR, "ATTR_PERMS_OVR", "privilege and instruction overrides work", 0, 1);
            field(visit, CMDQS, "CMDQS", "log2 of the largest command queue", 0, 19);
            field(visit, EVENTQS, "EVENTQS", "log2 of the largest event queue", 0, 19);
            field(visit, PRIQS, "PRIQS", "log2 of the largest PRI queue", 0, 19);
            field(visit, SSIDSIZE, "SSIDSIZE", "bits of a SubstreamID", 0, 20);
            field(visit, SIDSIZE, "SIDSIZE", "bits of a StreamID", 0, 32);
        }
        u32 value() const {
            return static_cast<u32>(u64{ATTR_TYPES_OVR} << 27 | u64{ATTR_PERMS_OVR} << 26 | u64{CMDQS} << 21 |
                                    u64{EVENTQS} << 16 | u64{PRIQS} << 11 | u64{SSIDSIZE} << 6 | SIDSIZE);
        }
    } idr1;

    struct Idr3 {
        u8 HAD = 1, XNX = 1, FWB = 1, STT = 0, RIL = 1, BBML = 2, E0PD = 1, PTWNNC = 1, PPS = 0, EPAN = 0;

        void fields(sim::ConfigVisitor& visit) {
            field(visit, HAD, "HAD", "hierarchical attributes can be disabled", 0, 1);
            field(visit, XNX, "XNX", "execute control by privilege at stage 2", 0, 1);
            field(visit, FWB, "FWB", "STE.S2FWB works", 0, 1);
            field(visit, STT, "STT", "small translation tables", 0, 1);
            field(visit, RIL, "RIL", "range invalidation and level hints", 0, 1);
            field(visit, BBML, "BBML", "break-before-make level", 0, 2);
            field(visit, E0PD, "E0PD", "CD.E0PDx works", 0, 1);
            field(visit, PTWNNC, "PTWNNC", "walks to Device memory become Normal Non-cacheable", 0, 1);
            field(visit, PPS, "PPS", "automatic page responses always carry the PASID", 0, 1);
            field(visit, EPAN, "EPAN", "CD.EPAN works", 0, 1);
        }
        u32 value() const {
            return static_cast<u32>(u64{EPAN} << 17 | u64{PTWNNC} << 14 | u64{E0PD} << 13 | u64{BBML} << 11 |
                                    u64{RIL} << 10 | u64{PPS} << 5 | u64{STT} << 9 | u64{FWB} << 8 | u64{XNX} << 4 |
                                    u64{HAD} << 2);
        }
    } idr3;

    struct Idr5 {
        u16 STALL_MAX = 256;
        u8 VAX = 0, DS = 0, GRAN64K = 1, GRAN16K = 1, GRAN4K = 1, OAS = 5;

        void fields(sim::ConfigVisitor& visit) {
            visit(STALL_MAX, {"STALL_MAX", "stalled transactions recorded at the same time", sim::Unit::Raw,
                              sim::Origin::Choice, "IHI 0070, 6.3: free", 1, 65'535});
            field(visit, VAX, "VAX", "virtual addresses: 0 48 bits, 1 52 bits", 0, 1);
            field(visit, DS, "DS", "52-bit descriptors of 4 KiB and 16 KiB granules", 0, 1);
            field(visit, GRAN64K, "GRAN64K", "64 KiB granule", 0, 1);
            field(visit, GRAN16K, "GRAN16K", "16 KiB granule", 0, 1);
            field(visit, GRAN4K, "GRAN4K", "4 KiB granule", 0, 1);
            field(visit, OAS, "OAS", "output address size: 0 32 bits, 1 36, 2 40, 3 42, 4 44, 5 48, 6 52", 0, 6);
        }
        u32 value() const {
            return static_cast<u32>(u64{STALL_MAX} << 16 | u64{VAX} << 10 | u64{DS} << 7 | u64{GRAN64K} << 6 |
                                    u64{GRAN16K} << 5 | u64{GRAN4K} << 4 | OAS);
        }
    } idr5;

    struct Aidr {
        u8 ArchMinorRev = 2;

        void fields(sim::ConfigVisitor& visit) {
            field(visit, ArchMinorRev, "ArchMinorRev", "architecture SMMUv3.n", 0, 3);
        }
        u32 value() const { return ArchMinorRev; }
    } aidr;

    void fields(sim::ConfigVisitor& visit) {
        visit.group("IDR0", "SMMU_IDR0", idr0);
        visit.group("IDR1", "SMMU_IDR1", idr1);
        visit.group("IDR3", "SMMU_IDR3", idr3);
        visit.group("IDR5", "SMMU_IDR5", idr5);
        visit.group("AIDR", "SMMU_AIDR", aidr);
    }

    /// IDR5; STALL_MAX is RES0 where faults never stall.
    u32 idr5_value() const { return idr0.STALL_MODEL == 1 ? idr5.value() & 0xFFFF : idr5.value(); }
    unsigned output_bits() const { return address_bits(idr5.OAS); }
    /// Without AArch32-LPAE the largest intermediate address is the largest output address (3.4).
    unsigned intermediate_bits() const { return output_bits(); }

private:
    static void field(sim::ConfigVisitor& visit, u8& value, const char* name, const char* meaning, u64 low, u64 high) {
        visit(value, {name, meaning, sim::Unit::Raw, sim::Origin::Manual, "IHI 0070, 6.3", low, high});
    }
};

}  // namespace smmusim::smmu::spec
