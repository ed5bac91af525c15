// Architected structures as plain words, set and read by bit position: what tests write into memory.
// Nothing here comes from the models, so that a wrong position in a model meets a right one here.
#pragma once

#include <array>
#include <string>

#include "sim/types.hpp"

namespace smmusim::support {

/// Bits [high:low] of a structure, counted across its words.
struct Field {
    unsigned high;
    unsigned low;
    /// Lowest bit of the address of which the field stores the upper part; 0: a plain number.
    unsigned address_low = 0;
};

/// A little-endian structure of `Words` 64-bit words.
template <unsigned Words>
class StructureBuilder {
public:
    StructureBuilder& set(Field field, u64 value) {
        for (unsigned bit = field.low; bit <= field.high; ++bit) {
            const u64 mask = u64{1} << (bit % 64);
            const bool one = value >> (bit - field.low + field.address_low) & 1;
            words_[bit / 64] = one ? words_[bit / 64] | mask : words_[bit / 64] & ~mask;
        }
        return *this;
    }
    u64 get(Field field) const {
        u64 value = 0;
        for (unsigned bit = field.low; bit <= field.high; ++bit)
            value |= (words_[bit / 64] >> (bit % 64) & 1) << (bit - field.low + field.address_low);
        return value;
    }
    const std::array<u64, Words>& words() const { return words_; }
    std::array<u64, Words>& words() { return words_; }
    bool operator==(const StructureBuilder&) const = default;

private:
    std::array<u64, Words> words_{};
};

using SteBuilder = StructureBuilder<8>;
using CdBuilder = StructureBuilder<8>;
using EventBuilder = StructureBuilder<4>;

/// Stream table entry (IHI 0070, 5.2).
namespace ste {
inline constexpr Field V{0, 0}, Config{3, 1}, S1Fmt{5, 4}, S1ContextPtr{55, 6, 6}, S1CDMax{63, 59};
inline constexpr Field S1DSS{65, 64}, S1CIR{67, 66}, S1COR{69, 68}, S1CSH{71, 70}, CONT{80, 77}, MEV{83, 83};
inline constexpr Field DRE{76, 76};
inline constexpr Field S2FWB{89, 89}, S1STALLD{91, 91}, EATS{93, 92}, STRW{95, 94}, MemAttr{99, 96}, MTCFG{100, 100};
inline constexpr Field ALLOCCFG{104, 101}, SHCFG{109, 108}, PRIVCFG{113, 112}, INSTCFG{115, 114};
inline constexpr Field S2VMID{143, 128}, S2T0SZ{165, 160}, S2SL0{167, 166}, S2IR0{169, 168}, S2OR0{171, 170};
inline constexpr Field S2SH0{173, 172}, S2TG{175, 174}, S2PS{178, 176}, S2AA64{179, 179}, S2ENDI{180, 180};
inline constexpr Field S2AFFD{181, 181}, S2PTW{182, 182}, S2HD{183, 183}, S2HA{184, 184}, S2S{185, 185}, S2R{186, 186};
inline constexpr Field S2SL0_2{194, 194}, S2DS{195, 195}, S2TTB{243, 196, 4};

enum Configuration : u64 { Abort = 0b000, Bypass = 0b100, Stage1 = 0b101, Stage2 = 0b110, Nested = 0b111 };
}  // namespace ste

/// Context descriptor (IHI 0070, 5.4).
namespace cd {
inline constexpr Field T0SZ{5, 0}, TG0{7, 6}, IR0{9, 8}, OR0{11, 10}, SH0{13, 12}, EPD0{14, 14}, ENDI{15, 15};
inline constexpr Field T1SZ{21, 16}, TG1{23, 22}, IR1{25, 24}, OR1{27, 26}, SH1{29, 28}, EPD1{30, 30}, V{31, 31};
inline constexpr Field IPS{34, 32}, AFFD{35, 35}, WXN{36, 36}, UWXN{37, 37}, TBI0{38, 38}, TBI1{39, 39}, PAN{40, 40};
inline constexpr Field AA64{41, 41}, HD{42, 42}, HA{43, 43}, S{44, 44}, R{45, 45}, A{46, 46}, ASET{47, 47};
inline constexpr Field ASID{63, 48}, HAD0{65, 65}, E0PD0{66, 66}, TTB0{115, 68, 4}, EPAN{123, 123};
inline constexpr Field HAD1{129, 129}, E0PD1{130, 130}, TTB1{179, 132, 4}, DS{186, 186};
inline constexpr Field MAIR0{223, 192}, MAIR1{255, 224};
}  // namespace cd

/// First-level descriptors of stream tables and of CD tables (IHI 0070, 5.1 and 5.3).
namespace l1std {
inline constexpr Field Span{4, 0}, L2Ptr{55, 6, 6};
}
namespace l1cd {
inline constexpr Field V{0, 0}, L2Ptr{55, 12, 12};
}

/// Registers that describe the stream table (IHI 0070, 6.3).
namespace strtab_base {
inline constexpr Field ADDR{55, 6, 6};
}
namespace strtab_base_cfg {
inline constexpr Field LOG2SIZE{5, 0}, SPLIT{10, 6}, FMT{17, 16};
}
namespace cr2 {
inline constexpr Field E2H{0, 0}, RECINVSID{1, 1};
}
namespace gbpa {
inline constexpr Field ABORT{20, 20};
}

/// Event record (IHI 0070, 7.3).
namespace event {
inline constexpr Field number{7, 0}, SSV{11, 11}, SubstreamID{31, 12}, StreamID{63, 32}, Stall{95, 95}, PnU{97, 97};
inline constexpr Field InD{98, 98}, RnW{99, 99}, S2{103, 103}, CLASS{105, 104}, TTRnW{108, 108};
inline constexpr Field InputAddr{191, 128}, IPA{247, 204, 12}, FetchAddr{247, 195, 3};

enum Number : u64 {
    C_BAD_STREAMID = 0x02,
    F_STE_FETCH = 0x03,
    C_BAD_STE = 0x04,
    F_STREAM_DISABLED = 0x06,
    C_BAD_SUBSTREAMID = 0x08,
    F_CD_FETCH = 0x09,
    C_BAD_CD = 0x0a,
    F_WALK_EABT = 0x0b,
    F_TRANSLATION = 0x10,
    F_ADDR_SIZE = 0x11,
    F_ACCESS = 0x12,
    F_PERMISSION = 0x13,
};
enum Class : u64 { CD = 0b00, TTD = 0b01, IN = 0b10 };
}  // namespace event

/// An event in one line, for messages of failed tests.
std::string describe(const EventBuilder& record);

/// Encodings of granules (by the number of offset bits) and of address sizes (by the number of bits).
u64 encode_tg0(unsigned offset_bits);  ///< CD.TG0 and STE.S2TG
u64 encode_tg1(unsigned offset_bits);
u64 encode_address_size(unsigned bits);
unsigned decode_address_size(u64 encoding);

}  // namespace smmusim::support
