#include "vectors/driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <stdexcept>

namespace smmusim::vectors {

using support::describe;

namespace {

constexpr u64 leaf_attributes = 0x7fc;  ///< of stage 2: accessed, inner shareable, readable and writable, write-back
constexpr u64 fetch_address = 0x12'3456'7abc;

void place(support::Words& words, u64 address, const support::StructureBuilder<8>& structure) {
    for (unsigned index = 0; index < 8; ++index) words[address + 8 * index] = structure.words()[index];
}

/// Adds a block to the tables of stage 2 at the first level that can hold one beside what is there.
void add_stage2_block(support::Words& words, const Case& row, u64 ipa, u64 pa) {
    const u64 granule = row.ste.get(ste::S2TG);
    const unsigned offset_bits = granule == support::encode_tg0(12) ? 12 : granule == support::encode_tg0(14) ? 14 : 16;
    const int start = static_cast<int>(offset_bits == 12 ? 2 : 3) - static_cast<int>(row.ste.get(ste::S2SL0));
    u64 table = row.ste.get(ste::S2TTB);
    for (int level = start; level < 3; ++level) {
        const unsigned low = offset_bits + static_cast<unsigned>(3 - level) * (offset_bits - 3);
        const u64 index = level == start ? ipa >> low : ipa >> low & ((u64{1} << (offset_bits - 3)) - 1);
        u64& word = words[table + index * 8];
        const bool block_exists = level == 2 || (level == 1 && offset_bits == 12);
        if (word == 0 && block_exists) {
            word = (pa & ~((u64{1} << low) - 1)) | leaf_attributes | 0b01;
            return;
        }
        if ((word & 0b11) != 0b11) break;
        table = word & 0x0000'ffff'ffff'f000;
    }
    throw std::logic_error("vector " + row.id + " leaves no room for a CD");
}

/// The record without what the case does not determine.
support::EventBuilder expected_event(const Case& row) {
    const Expectation& expected = row.expected;
    const support::Transaction& transaction = row.transaction;
    support::EventBuilder record;
    record.set(event::number, expected.event).set(event::StreamID, transaction.stream);
    if (expected.event == event::C_BAD_STE || expected.event == event::C_BAD_CD) return record;
    record.set(event::PnU, transaction.privileged).set(event::InD, transaction.instruction);
    record.set(event::RnW, transaction.kind == support::Kind::Read).set(event::InputAddr, transaction.address);
    record.set(event::S2, expected.second_stage).set(event::CLASS, expected.why).set(event::IPA, expected.ipa);
    const bool of_table = expected.event == event::F_PERMISSION && expected.why == event::TTD;
    record.set(event::TTRnW, of_table);
    return record;
}

void compare_outcome(const Case& row, const support::Result& result, Complaints& complaints) {
    const Expectation& expected = row.expected;
    if (result.ok != expected.pa.has_value()) complaints.push_back(result.ok ? "succeeds" : "does not succeed");
    if (expected.pa) {
        if (result.ok && result.pa != *expected.pa)
            complaints.push_back(fmt::format("PA {:#x} instead of {:#x}", result.pa, *expected.pa));
        if (result.span && *result.span != expected.span)
            complaints.push_back(fmt::format("span {:#x} instead of {:#x}", *result.span, expected.span));
        if (result.event) complaints.push_back("unexpected " + describe(*result.event));
    } else if (!result.event) {
        complaints.push_back("no event recorded");
    } else if (const support::EventBuilder wanted = expected_event(row); *result.event != wanted) {
        complaints.push_back(describe(*result.event) + "\n  instead of " + describe(wanted));
    }
}

void compare_walk(const Case& row, std::span<const support::BusRead> reads, Complaints& complaints) {
    std::vector<u64> order;
    std::size_t counts[2] = {0, 0};
    for (const support::BusRead& read : reads) {
        const auto word = std::find_if(row.words.begin(), row.words.end(),
                                       [&](const Word& each) { return each.address == read.address; });
        const bool goes_on_after_cd = row.about_cd && row.expected.stage2_reads != 0;
        if (word == row.words.end() && !goes_on_after_cd) {
            complaints.push_back(fmt::format("reads {:#x}, which is no descriptor of this case", read.address));
            continue;
        }
        ++counts[word == row.words.end() || word->stage == 2 ? 1 : 0];
        if (std::find(order.begin(), order.end(), read.address) == order.end()) order.push_back(read.address);
        if (read.size != 8) complaints.push_back(fmt::format("reads {} bytes at {:#x}", read.size, read.address));
    }
    if (counts[0] != row.expected.stage1_reads || counts[1] != row.expected.stage2_reads)
        complaints.push_back(fmt::format("walk of {}+{} reads instead of {}+{}", counts[0], counts[1],
                                         row.expected.stage1_reads, row.expected.stage2_reads));
    if (row.about_cd) return;
    std::vector<u64> wanted;
    for (const Word& word : row.words) wanted.push_back(word.address);
    if (order != wanted) complaints.push_back("descriptors are read in another order");
}

void compare_cd_fetch(const Case& row, std::span<const support::BusRead> reads, Complaints& complaints) {
    if (reads.size() != row.expected.cd_reads)
        complaints.push_back(fmt::format("{} reads for the CD instead of {}", reads.size(), row.expected.cd_reads));
    for (std::size_t index = 0; index < std::min(reads.size(), row.words.size()); ++index)
        if (reads[index].address != row.words[index].address) complaints.push_back("the CD is sought elsewhere");
}

}  // namespace

Layout lay_out(const Case& row) {
    Layout layout;
    layout.registers = row.registers;
    layout.ste_address = stream_table + 64 * stream_id;
    for (const Word& word : row.words)
        if (word.value != 0) layout.words[word.address] = word.value;

    support::SteBuilder entry = row.ste;
    const u64 config = entry.get(ste::Config);
    if (config == ste::Stage1) {
        layout.cd_address = context_descriptor;
        entry.set(ste::S1ContextPtr, layout.cd_address);
    } else if (config == ste::Nested && row.about_cd) {
        layout.cd_address = entry.get(ste::S1ContextPtr) + nested_offset;
    } else if (config == ste::Nested) {
        layout.cd_address = nested_context_descriptor + nested_offset;
        entry.set(ste::S1ContextPtr, nested_context_descriptor);
        add_stage2_block(layout.words, row, nested_context_descriptor, layout.cd_address);
    }
    place(layout.words, layout.ste_address, entry);
    if (layout.cd_address != 0) place(layout.words, layout.cd_address, row.cd);
    return layout;
}

Layout lay_out(const FetchCase& row) {
    constexpr u64 tables = 0x4000'0000, cd_table = 0x5000'0000, first_cd_table = 0x5100'0000, page = 0x5200'0000;
    const bool two_stages = row.stage1_levels != 0 && row.stage2_levels != 0;
    const u64 offset = two_stages ? nested_offset : 0;
    const auto size_of = [](unsigned levels) { return levels == 4 ? 16u : 25u; };
    Case pattern(row.id, row.features());
    if (row.stage1_levels != 0) pattern.first(12, size_of(row.stage1_levels), 48, tables);
    if (row.stage2_levels != 0) pattern.second(12, size_of(row.stage2_levels), 48, row.stage2_levels == 4 ? 2 : 1);

    Layout layout;
    // Stage 1 maps the page; stage 2 maps that page and every page that stage 1 reads.
    support::TableBuilder second(layout.words, 12, 4 - static_cast<int>(row.stage2_levels), 0x1'0000'0000,
                                 0x1'0010'0000);
    if (row.stage1_levels != 0) {
        support::TableBuilder first(layout.words, 12, 4 - static_cast<int>(row.stage1_levels), tables, tables + 0x1000,
                                    offset);
        first.put(fetch_address, 3, page | 0xf43);
        if (two_stages)
            for (u64 table = tables; table < first.next(); table += 0x1000)
                second.put(table, 3, (table + offset) | leaf_attributes | 0b11);
    }
    if (two_stages)
        for (const u64 ipa : {cd_table, first_cd_table, page})
            second.put(ipa, 3, (ipa + offset) | leaf_attributes | 0b11);
    if (row.stage1_levels == 0) second.put(fetch_address & ~u64{0xfff}, 3, page | leaf_attributes | 0b11);

    if (row.stage1_levels != 0) {
        layout.cd_address = cd_table + offset;
        place(layout.words, layout.cd_address, pattern.cd);
        pattern.ste.set(ste::S1ContextPtr, cd_table);
    }
    if (row.two_level_cd) {
        support::StructureBuilder<1> pointer;
        pointer.set(support::l1cd::V, 1).set(support::l1cd::L2Ptr, cd_table);
        layout.words[first_cd_table + offset] = pointer.words()[0];
        // 128 CDs by two tables of 64; CD 0 serves transactions without a substream.
        pattern.ste.set(ste::S1ContextPtr, first_cd_table)
            .set(ste::S1Fmt, 0b01)
            .set(ste::S1CDMax, 7)
            .set(ste::S1DSS, 0b10);
    }
    layout.registers.STRTAB_BASE = stream_table;
    layout.registers.STRTAB_BASE_CFG = 4;
    layout.ste_address = stream_table + 64 * stream_id;
    if (row.two_level_stream) {
        constexpr u64 second_level = 0x6001'0000;
        support::StructureBuilder<1> pointer;
        pointer.set(support::l1std::Span, 9).set(support::l1std::L2Ptr, second_level);
        layout.words[stream_table] = pointer.words()[0];
        support::StructureBuilder<1> config;
        config.set(support::strtab_base_cfg::LOG2SIZE, 16).set(support::strtab_base_cfg::SPLIT, 8);
        config.set(support::strtab_base_cfg::FMT, 1);
        layout.registers.STRTAB_BASE_CFG = static_cast<u32>(config.words()[0]);
        layout.ste_address = second_level + 64 * stream_id;
    }
    place(layout.words, layout.ste_address, pattern.ste);
    return layout;
}

support::Identity identity_of(const FetchCase&) { return {}; }

support::Transaction transaction_of(const FetchCase&) {
    support::Transaction transaction;
    transaction.stream = stream_id;
    transaction.address = fetch_address;
    return transaction;
}

Complaints compare(const Case& row, const Layout& layout, const support::Result& result,
                   const support::Words& memory_afterwards) {
    Complaints complaints;
    compare_outcome(row, result, complaints);

    const std::span<const support::BusRead> reads(result.reads);
    if (reads.empty() || reads[0].address != layout.ste_address) {
        complaints.push_back("does not begin with the STE");
        return complaints;
    }
    // Up to the CD reads belong to the configuration; if it is not reached, all do.
    std::size_t walk = layout.cd_address == 0 ? 1 : reads.size();
    for (std::size_t index = 1; index < reads.size() && layout.cd_address != 0; ++index)
        if (reads[index].address == layout.cd_address) {
            walk = index + 1;
            break;
        }
    if (layout.cd_address != 0) {
        const bool reached = reads[walk - 1].address == layout.cd_address;
        const bool wanted = row.expected.event != event::C_BAD_STE && !(row.about_cd && row.expected.why == event::CD);
        if (reached != wanted) complaints.push_back(reached ? "reads the CD" : "does not reach the CD");
        if (row.about_cd) compare_cd_fetch(row, reads.subspan(1, walk - 1 - (reached ? 1 : 0)), complaints);
    }
    compare_walk(row, reads.subspan(walk), complaints);

    support::Words wanted = layout.words;
    if (row.expected.update) wanted[row.expected.update->address] = row.expected.update->value;
    for (const auto& [address, value] : wanted) {
        const u64 found = memory_afterwards.at(address);
        if (found != value)
            complaints.push_back(fmt::format("{:#x} holds {:#x} instead of {:#x}", address, found, value));
    }
    return complaints;
}

Complaints compare(const FetchCase& row, const Layout& layout, const support::Result& result) {
    Complaints complaints;
    const u64 expected_pa = 0x5200'0abc + (row.stage1_levels != 0 && row.stage2_levels != 0 ? nested_offset : 0);
    if (!result.ok || result.pa != expected_pa) complaints.push_back(fmt::format("PA {:#x}", result.pa));
    if (result.event) complaints.push_back("unexpected " + describe(*result.event));
    // The STE ends its side; the CD, if there is one, the next; the rest is the walk.
    std::size_t counts[3] = {0, 0, 0};
    std::size_t side = 0;
    for (const support::BusRead& read : result.reads) {
        ++counts[side];
        if (side == 0 && read.address == layout.ste_address) side = layout.cd_address == 0 ? 2 : 1;
        else if (side == 1 && read.address == layout.cd_address) side = 2;
    }
    if (counts[0] != row.ste_side || counts[1] != row.cd_side || counts[2] != row.walk)
        complaints.push_back(fmt::format("{} + {} + {} reads instead of {} + {} + {}", counts[0], counts[1], counts[2],
                                         row.ste_side, row.cd_side, row.walk));
    return complaints;
}

std::string text(const Complaints& complaints) {
    std::string result;
    for (const std::string& complaint : complaints) result += "\n  " + complaint;
    return result;
}

}  // namespace smmusim::vectors
