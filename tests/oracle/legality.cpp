// What makes an STE or CD ILLEGAL (IHI 0070, 5.2 and 5.4: "ILLEGAL" in the field descriptions).
#include <algorithm>

#include "oracle/walker.hpp"

namespace smmusim::oracle {

using namespace support::ste;
namespace cd_field = support::cd;
namespace event = support::event;

namespace {

/// HAFDBS fields that ask for more hardware update than there is.
bool asks_too_much_update(unsigned HTTU, bool access, bool dirty) {
    return (HTTU == 0 && (access || dirty)) || (HTTU == 1 && dirty);
}

bool wrong_endianness(unsigned TTENDIAN, bool big_endian) {
    return (TTENDIAN == 0b10 && big_endian) || (TTENDIAN == 0b11 && !big_endian);
}

}  // namespace

void Walker::check_ste() const {
    const auto require = [&](bool legal) {
        if (!legal) fail(event::C_BAD_STE);
    };
    const u64 config = ste(Config);
    require(!stage1_enabled() || identity_.S1P != 0);
    require(!stage2_enabled() || identity_.S2P != 0);
    if (identity_.ATS != 0 && config != Bypass) {
        if (ste(EATS) == 0b10) require(config == Nested && ste(S2S) == 0 && identity_.NS1ATS == 0);
        if (ste(EATS) == 0b01) require(!stage2_enabled() || ste(S2S) == 0);
    }
    if (config == Stage1 && identity_.Hyp != 0) require((ste(STRW) & 1) == 0);
    if (stage1_enabled()) {
        require(ste(S1STALLD) == 0 || identity_.STALL_MODEL == 0);
        require(s1cdmax() <= identity_.SSIDSIZE);
        const bool two_levels = ste(S1Fmt) == 0b01 || ste(S1Fmt) == 0b10;
        require(s1cdmax() == 0 || !two_levels || identity_.CD2L != 0);
        require(stage2_enabled() || !beyond(ste(S1ContextPtr), oas()));
    }
    if (stage2_enabled()) check_stage2();
    // Stage 1 of NS-EL2 and NS-EL2-E2H has no VMID; everything else has if there is a stage 2.
    const bool el2 = config == Stage1 && identity_.Hyp != 0 && ste(STRW) == 0b10;
    const bool vmid_used = identity_.S2P != 0 && config != Bypass && !el2;
    require(!vmid_used || identity_.VMID16 != 0 || ste(S2VMID) < 256);
}

void Walker::check_stage2() const {
    const auto require = [&](bool legal) {
        if (!legal) fail(event::C_BAD_STE);
    };
    require(ste(S2S) == 0 || identity_.STALL_MODEL != 0b01);
    require(ste(S2S) != 0 || identity_.STALL_MODEL != 0b10);
    require(ste(S2AA64) == 1);
    require(!asks_too_much_update(identity_.HTTU, ste(S2HA), ste(S2HD)));
    const unsigned offset_bits = offset_bits_of(ste(S2TG), false);
    require(offset_bits != 0);

    const bool long_input = identity_.DS != 0 && ste(S2DS) != 0;
    const bool long_output = long_input && offset_bits < 16;
    const unsigned output_bits = std::min(support::decode_address_size(ste(S2PS)), oas());
    const unsigned table_bits = long_output || offset_bits == 16 ? output_bits : std::min(output_bits, 48u);
    require(!beyond(ste(S2TTB), table_bits));

    const unsigned size = static_cast<unsigned>(ste(S2T0SZ));
    const unsigned smallest = std::max(offset_bits == 16 || long_input ? 12u : 16u, 64 - oas());
    const unsigned largest = identity_.STT == 0 ? 39 : offset_bits == 16 ? 47 : 48;
    require(size >= smallest && size <= largest);

    // Start level, and how large a physical address space it is made for.
    const u64 level = ste(S2SL0);
    if (ste(S2SL0_2) && long_output && offset_bits == 12) {
        require(level == 0 && oas() == 52);
    } else if (offset_bits == 12) {
        require(level != 3 || identity_.STT != 0);
        require(level != 2 || oas() >= 44);
    } else if (offset_bits == 14) {
        require(level != 3 || (long_output && oas() == 52));
        require(level != 2 || oas() >= 42);
    } else {
        require(level != 3);
        require(level != 2 || oas() >= 44);
    }
    // The input range must give the start level at least two entries and at most sixteen tables.
    const unsigned stride = offset_bits - 3;
    const unsigned below = static_cast<unsigned>(3 - stage2_stage().start_level) * stride + offset_bits;
    const unsigned input_bits = 64 - size;
    require(input_bits >= below + 1 && input_bits <= below + stride + 4);
    require(!wrong_endianness(identity_.TTENDIAN, ste(S2ENDI)));
}

void Walker::check_cd() const {
    const auto require = [&](bool legal) {
        if (!legal) fail(event::C_BAD_CD);
    };
    require(cd(cd_field::V) == 1);
    require(ste(S1STALLD) == 0 || cd(cd_field::S) == 0);
    require(identity_.TERM_MODEL == 0 || cd(cd_field::A) == 1);
    require(cd(cd_field::S) == 0 || identity_.STALL_MODEL != 0b01);
    require(cd(cd_field::S) == 1 || identity_.STALL_MODEL != 0b10);
    const bool lower = one_privilege() || cd(cd_field::EPD0) == 0;
    const bool upper = !one_privilege() && cd(cd_field::EPD1) == 0;
    require(!(lower || upper) || !wrong_endianness(identity_.TTENDIAN, cd(cd_field::ENDI)));
    require(cd(cd_field::AA64) == 1);
    require(!asks_too_much_update(identity_.HTTU, cd(cd_field::HA), cd(cd_field::HD)));
    require(one_privilege() || identity_.ASID16 != 0 || cd(cd_field::ASID) < 256);
    if (lower) check_half(false);
    if (upper) check_half(true);
}

void Walker::check_half(bool upper) const {
    const auto require = [&](bool legal) {
        if (!legal) fail(event::C_BAD_CD);
    };
    const unsigned offset_bits = offset_bits_of(cd(upper ? cd_field::TG1 : cd_field::TG0), upper);
    require(offset_bits != 0);
    const bool long_input = identity_.DS != 0 && cd(cd_field::DS) != 0;
    const bool large = identity_.VAX >= 1 && (offset_bits == 16 || long_input);
    const u64 size = cd(upper ? cd_field::T1SZ : cd_field::T0SZ);
    const unsigned largest = identity_.STT == 0 ? 39 : offset_bits == 16 ? 47 : 48;
    require(size >= (large ? 12u : 16u) && size <= largest);
    const unsigned output_bits = std::min(support::decode_address_size(cd(cd_field::IPS)), oas());
    const unsigned table_bits = long_input || offset_bits == 16 ? output_bits : std::min(output_bits, 48u);
    require(!beyond(cd(upper ? cd_field::TTB1 : cd_field::TTB0), table_bits));
}

}  // namespace smmusim::oracle
