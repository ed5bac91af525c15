// Where the fields of the ID registers lie, those that the model does not vary included (IHI 0070, 6.3.1 to 6.3.8).
#pragma once

#include "smmu/spec/ste.hpp"

namespace smmusim::smmu::spec {

struct IdentificationField {
    const char* reg;  ///< "IDR0"
    NamedField field;
    bool translates = true;  ///< the outcome of a translation can depend on it
};

inline constexpr std::array identification_fields{
    IdentificationField{"IDR0", {"S2P", Bit(0)}},
    IdentificationField{"IDR0", {"S1P", Bit(1)}},
    IdentificationField{"IDR0", {"TTF", Bits<3, 2>()}},
    IdentificationField{"IDR0", {"COHACC", Bit(4)}, false},
    IdentificationField{"IDR0", {"BTM", Bit(5)}, false},
    IdentificationField{"IDR0", {"HTTU", Bits<7, 6>()}},
    IdentificationField{"IDR0", {"DORMHINT", Bit(8)}, false},
    IdentificationField{"IDR0", {"Hyp", Bit(9)}},
    IdentificationField{"IDR0", {"ATS", Bit(10)}},
    IdentificationField{"IDR0", {"NS1ATS", Bit(11)}},
    IdentificationField{"IDR0", {"ASID16", Bit(12)}},
    IdentificationField{"IDR0", {"MSI", Bit(13)}, false},
    IdentificationField{"IDR0", {"SEV", Bit(14)}, false},
    IdentificationField{"IDR0", {"ATOS", Bit(15)}, false},
    IdentificationField{"IDR0", {"PRI", Bit(16)}, false},
    IdentificationField{"IDR0", {"VMW", Bit(17)}, false},
    IdentificationField{"IDR0", {"VMID16", Bit(18)}},
    IdentificationField{"IDR0", {"CD2L", Bit(19)}},
    IdentificationField{"IDR0", {"VATOS", Bit(20)}, false},
    IdentificationField{"IDR0", {"TTENDIAN", Bits<22, 21>()}},
    IdentificationField{"IDR0", {"ATSRECERR", Bit(23)}},
    IdentificationField{"IDR0", {"STALL_MODEL", Bits<25, 24>()}},
    IdentificationField{"IDR0", {"TERM_MODEL", Bit(26)}},
    IdentificationField{"IDR0", {"ST_LEVEL", Bits<28, 27>()}},
    IdentificationField{"IDR0", {"RME_IMPL", Bit(30)}},
    IdentificationField{"IDR1", {"SIDSIZE", Bits<5, 0>()}},
    IdentificationField{"IDR1", {"SSIDSIZE", Bits<10, 6>()}},
    IdentificationField{"IDR1", {"PRIQS", Bits<15, 11>()}, false},
    IdentificationField{"IDR1", {"EVENTQS", Bits<20, 16>()}, false},
    IdentificationField{"IDR1", {"CMDQS", Bits<25, 21>()}, false},
    IdentificationField{"IDR1", {"ATTR_PERMS_OVR", Bit(26)}},
    IdentificationField{"IDR1", {"ATTR_TYPES_OVR", Bit(27)}},
    IdentificationField{"IDR1", {"REL", Bit(28)}, false},
    IdentificationField{"IDR1", {"QUEUES_PRESET", Bit(29)}, false},
    IdentificationField{"IDR1", {"TABLES_PRESET", Bit(30)}, false},
    IdentificationField{"IDR1", {"ECMDQ", Bit(31)}, false},
    IdentificationField{"IDR3", {"HAD", Bit(2)}},
    IdentificationField{"IDR3", {"PBHA", Bit(3)}, false},
    IdentificationField{"IDR3", {"XNX", Bit(4)}},
    IdentificationField{"IDR3", {"PPS", Bit(5)}, false},
    IdentificationField{"IDR3", {"MPAM", Bit(7)}, false},
    IdentificationField{"IDR3", {"FWB", Bit(8)}},
    IdentificationField{"IDR3", {"STT", Bit(9)}},
    IdentificationField{"IDR3", {"RIL", Bit(10)}, false},
    IdentificationField{"IDR3", {"BBML", Bits<12, 11>()}, false},
    IdentificationField{"IDR3", {"E0PD", Bit(13)}},
    IdentificationField{"IDR3", {"PTWNNC", Bit(14)}},
    IdentificationField{"IDR3", {"DPT", Bit(15)}},
    IdentificationField{"IDR3", {"PASIDTT", Bit(16)}},
    IdentificationField{"IDR3", {"EPAN", Bit(17)}},
    IdentificationField{"IDR3", {"S1PI", Bit(18)}},
    IdentificationField{"IDR3", {"S2PI", Bit(19)}},
    IdentificationField{"IDR3", {"S2PO", Bit(20)}},
    IdentificationField{"IDR3", {"THE", Bit(21)}},
    IdentificationField{"IDR3", {"MTEPERM", Bit(22)}, false},
    IdentificationField{"IDR3", {"AIE", Bit(23)}},
    IdentificationField{"IDR5", {"OAS", Bits<2, 0>()}},
    IdentificationField{"IDR5", {"GRAN4K", Bit(4)}},
    IdentificationField{"IDR5", {"GRAN16K", Bit(5)}},
    IdentificationField{"IDR5", {"GRAN64K", Bit(6)}},
    IdentificationField{"IDR5", {"DS", Bit(7)}},
    IdentificationField{"IDR5", {"D128", Bit(8)}},
    IdentificationField{"IDR5", {"VAX", Bits<11, 10>()}},
    IdentificationField{"IDR5", {"STALL_MAX", Bits<31, 16>()}, false},
    IdentificationField{"AIDR", {"ArchMinorRev", Bits<3, 0>()}},
    IdentificationField{"AIDR", {"ArchMajorRev", Bits<7, 4>()}},
};

}  // namespace smmusim::smmu::spec
