// Walks with known answers: configuration, memory and access of each, and what must come out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/machine.hpp"
#include "support/structure_builder.hpp"

namespace smmusim::vectors {

namespace cd = support::cd;
namespace ste = support::ste;
namespace event = support::event;

/// What an SMMU must be able to do for a case.
enum Feature : u32 {
    stage1 = 1u << 0,
    stage2 = 1u << 1,
    nested = 1u << 2,
    granule_4k = 1u << 3,
    granule_16k = 1u << 4,
    granule_64k = 1u << 5,
    wide_addresses = 1u << 6,  ///< 52 bits: LPA2, VAX, OAS 52
    small_tables = 1u << 7,    ///< STT
    hardware_update = 1u << 8,
    privileged_access_never = 1u << 9,  ///< PAN, EPAN
    hierarchy_disable = 1u << 10,       ///< HAD
    write_excludes_execute = 1u << 11,  ///< WXN
    upper_half = 1u << 12,              ///< TTB1
    top_byte_ignored = 1u << 13,        ///< TBI
    el2_world = 1u << 14,
    execute_by_level = 1u << 15,  ///< XNX
    contiguous = 1u << 16,
    concatenated = 1u << 17,
    two_level_cd = 1u << 18,
    two_level_stream = 1u << 19,
};
inline constexpr u32 every_feature = (1u << 20) - 1;

/// Base addresses of what a case itself does not place.
inline constexpr u64 stream_table = 0x6000'0000;
inline constexpr u32 stream_id = 8;
inline constexpr u64 context_descriptor = 0x6100'0000;
/// Of nested streams: an intermediate address, and where an added stage 2 block puts it.
inline constexpr u64 nested_context_descriptor = 0x8000'0000;
/// Distance from intermediate to physical address of stage 1 tables and CDs.
inline constexpr u64 nested_offset = 0x2'0000'0000;

/// One word of translation tables.
struct Word {
    unsigned stage = 1;
    u64 address = 0;
    u64 value = 0;
};

/// What a case must end with; see the setters of Case.
struct Expectation {
    std::optional<u64> pa;
    u64 span = 0;
    u64 event = 0;
    bool second_stage = false;
    u64 why = event::IN;  ///< CLASS, of stage 2 faults
    u64 ipa = 0;
    std::size_t stage1_reads = 0;
    std::size_t stage2_reads = 0;
    /// Only in cases about the fetch of the CD itself: stage 2 reads for it.
    std::size_t cd_reads = 0;
    std::optional<Word> update;
};

enum class Half : u8 { Lower, Upper };

/// One row. Words stand in the order in which they are read for the first time.
struct Case {
    std::string id;
    u32 features = 0;
    support::Identity identity;
    support::Registers registers;
    support::SteBuilder ste;
    support::CdBuilder cd;
    support::Transaction transaction;
    std::vector<Word> words;
    /// The words map the CD, and the case is about that.
    bool about_cd = false;
    Expectation expected;

    Case(std::string name, u32 needed);

    /// Stage 1: granule by its offset bits, TxSZ, IPS in bits; the other half is disabled.
    Case& first(unsigned offset_bits, unsigned size, unsigned output_bits, u64 table = 0x8000'0000,
                Half half = Half::Lower);
    /// Stage 2: S2TTB is 4 GiB; S2SL0 as encoded.
    Case& second(unsigned offset_bits, unsigned size, unsigned output_bits, u64 start);

    Case& set_ste(support::Field field, u64 value) { return ste.set(field, value), *this; }
    Case& set_cd(support::Field field, u64 value) { return cd.set(field, value), *this; }
    /// 52-bit addresses: OAS, VAX, and DS in the ID register and in the structures.
    Case& wide(bool descriptors_too);
    Case& oas(unsigned bits);
    Case& small();
    Case& el2();

    Case& read(u64 address);
    Case& write(u64 address);
    Case& fetch(u64 address);  ///< an instruction
    Case& privileged();

    Case& first_words(const std::vector<std::pair<u64, u64>>& list);
    Case& second_words(const std::vector<std::pair<u64, u64>>& list);
    Case& mixed_words(const std::vector<Word>& list);
    Case& cd_words(const std::vector<std::pair<u64, u64>>& list, u64 cd_ipa);

    Case& gives(u64 pa, u64 span);
    Case& fails(u64 number);
    Case& fails_second(u64 number, u64 why, u64 ipa);
    Case& reads(std::size_t of_stage1, std::size_t of_stage2 = 0);
    Case& cd_reads(std::size_t count);
    Case& updates(u64 address, u64 value);
};

/// A cold translation counted with its configuration; everything is mapped by 4 KiB pages.
struct FetchCase {
    const char* id;
    bool two_level_stream;
    bool two_level_cd;
    unsigned stage1_levels;  ///< 0: no stage 1
    unsigned stage2_levels;
    std::size_t ste_side;
    std::size_t cd_side;  ///< stage 2 reads for it included
    std::size_t walk;

    u32 features() const;
};

std::vector<Case> stage1_cases();        ///< group A
std::vector<Case> stage1_fault_cases();  ///< group B
std::vector<Case> stage2_cases();        ///< group C
std::vector<Case> stage2_fault_cases();  ///< group D
std::vector<Case> nested_cases();        ///< group E
std::vector<FetchCase> fetch_cases();    ///< group F

/// All rows of groups A to E that need nothing but `features`.
std::vector<Case> cases(u32 features = every_feature);
std::vector<FetchCase> fetch_cases(u32 features);

}  // namespace smmusim::vectors
