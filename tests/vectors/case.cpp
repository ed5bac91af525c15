#include "vectors/case.hpp"

namespace smmusim::vectors {

Case::Case(std::string name, u32 needed) : id(std::move(name)), features(needed) {
    registers.STRTAB_BASE = stream_table;
    registers.STRTAB_BASE_CFG = 4;  // linear, 16 entries
    ste.set(ste::V, 1);
    transaction.stream = stream_id;
}

Case& Case::first(unsigned offset_bits, unsigned size, unsigned output_bits, u64 table, Half half) {
    const bool lower = half == Half::Lower;
    ste.set(ste::Config, ste.get(ste::Config) == ste::Stage2 ? ste::Nested : ste::Stage1);
    cd.set(cd::V, 1).set(cd::AA64, 1).set(cd::R, 1).set(cd::A, 1).set(cd::ASID, 1).set(cd::MAIR0, 0xff);
    cd.set(cd::IPS, support::encode_address_size(output_bits));
    cd.set(lower ? cd::EPD1 : cd::EPD0, 1);
    if (lower) cd.set(cd::TG0, support::encode_tg0(offset_bits)).set(cd::T0SZ, size).set(cd::TTB0, table);
    else cd.set(cd::TG1, support::encode_tg1(offset_bits)).set(cd::T1SZ, size).set(cd::TTB1, table);
    return *this;
}

Case& Case::second(unsigned offset_bits, unsigned size, unsigned output_bits, u64 start) {
    ste.set(ste::Config, ste.get(ste::Config) == ste::Stage1 ? ste::Nested : ste::Stage2);
    ste.set(ste::S2AA64, 1).set(ste::S2R, 1).set(ste::S2VMID, 1).set(ste::S2TG, support::encode_tg0(offset_bits));
    ste.set(ste::S2T0SZ, size).set(ste::S2PS, support::encode_address_size(output_bits));
    ste.set(ste::S2SL0, start & 3).set(ste::S2SL0_2, start >> 2).set(ste::S2TTB, 0x1'0000'0000);
    return *this;
}

Case& Case::wide(bool descriptors_too) {
    identity.OAS = 6;
    identity.VAX = 1;
    if (!descriptors_too) return *this;
    identity.DS = 1;
    cd.set(cd::DS, 1);
    ste.set(ste::S2DS, 1);
    return *this;
}

Case& Case::oas(unsigned bits) {
    identity.OAS = static_cast<unsigned>(support::encode_address_size(bits));
    return *this;
}

Case& Case::small() {
    identity.STT = 1;
    return *this;
}

Case& Case::el2() {
    ste.set(ste::STRW, 0b10);  // with CR2.E2H = 0
    return *this;
}

Case& Case::read(u64 address) {
    transaction.address = address;
    return *this;
}

Case& Case::write(u64 address) {
    transaction.kind = support::Kind::Write;
    return read(address);
}

Case& Case::fetch(u64 address) {
    transaction.instruction = true;
    return read(address);
}

Case& Case::privileged() {
    transaction.privileged = true;
    return *this;
}

Case& Case::first_words(const std::vector<std::pair<u64, u64>>& list) {
    for (const auto& [address, value] : list) words.push_back({1, address, value});
    return *this;
}

Case& Case::second_words(const std::vector<std::pair<u64, u64>>& list) {
    for (const auto& [address, value] : list) words.push_back({2, address, value});
    return *this;
}

Case& Case::mixed_words(const std::vector<Word>& list) {
    words = list;
    return *this;
}

Case& Case::cd_words(const std::vector<std::pair<u64, u64>>& list, u64 cd_ipa) {
    about_cd = true;
    ste.set(ste::S1ContextPtr, cd_ipa);
    return second_words(list);
}

Case& Case::gives(u64 pa, u64 span) {
    expected.pa = pa;
    expected.span = span;
    return *this;
}

Case& Case::fails(u64 number) {
    expected.event = number;
    return *this;
}

Case& Case::fails_second(u64 number, u64 why, u64 ipa) {
    expected.event = number;
    expected.second_stage = true;
    expected.why = why;
    expected.ipa = ipa;
    return *this;
}

Case& Case::reads(std::size_t of_stage1, std::size_t of_stage2) {
    expected.stage1_reads = of_stage1;
    expected.stage2_reads = of_stage2;
    return *this;
}

Case& Case::cd_reads(std::size_t count) {
    expected.cd_reads = count;
    return *this;
}

Case& Case::updates(u64 address, u64 value) {
    expected.update = Word{ste.get(ste::Config) == ste::Stage2 ? 2u : 1u, address, value};
    return *this;
}

u32 FetchCase::features() const {
    u32 needed = granule_4k;
    needed |= stage1_levels == 0 ? stage2 : stage2_levels == 0 ? stage1 : nested;
    if (two_level_stream) needed |= vectors::two_level_stream;
    if (two_level_cd) needed |= vectors::two_level_cd;
    return needed;
}

std::vector<FetchCase> fetch_cases() {
    constexpr bool linear = false, two = true;
    return {
        // id, stream table, CD table, S1 levels, S2 levels, reads for the STE, for the CD, of the walk
        {"F01", linear, linear, 0, 4, 1, 0, 4},  {"F02", linear, linear, 4, 0, 1, 1, 4},
        {"F03", linear, linear, 3, 0, 1, 1, 3},  {"F04", linear, two, 4, 0, 1, 2, 4},
        {"F05", linear, linear, 4, 4, 1, 5, 24}, {"F06", linear, linear, 3, 3, 1, 4, 15},
        {"F07", linear, linear, 4, 3, 1, 4, 19}, {"F08", linear, two, 4, 4, 1, 10, 24},
        {"F09", linear, two, 3, 3, 1, 8, 15},    {"F10", two, linear, 0, 4, 2, 0, 4},
        {"F11", two, linear, 4, 0, 2, 1, 4},     {"F12", two, linear, 3, 0, 2, 1, 3},
        {"F13", two, two, 4, 0, 2, 2, 4},        {"F14", two, linear, 4, 4, 2, 5, 24},
        {"F15", two, linear, 3, 3, 2, 4, 15},    {"F16", two, linear, 4, 3, 2, 4, 19},
        {"F17", two, two, 4, 4, 2, 10, 24},      {"F18", two, two, 3, 3, 2, 8, 15},
    };
}

std::vector<Case> cases(u32 features) {
    std::vector<Case> result;
    for (const auto& group :
         {stage1_cases(), stage1_fault_cases(), stage2_cases(), stage2_fault_cases(), nested_cases()})
        for (const Case& each : group)
            if ((each.features & ~features) == 0) result.push_back(each);
    return result;
}

std::vector<FetchCase> fetch_cases(u32 features) {
    std::vector<FetchCase> result;
    for (const FetchCase& each : fetch_cases())
        if ((each.features() & ~features) == 0) result.push_back(each);
    return result;
}

}  // namespace smmusim::vectors
