// A stream with both stages mapped; tests switch stages off and spoil what they are about.
#pragma once

#include <gtest/gtest.h>

#include <set>

#include "oracle/oracle.hpp"
#include "support/table_builder.hpp"

namespace smmusim::oracle {

using support::CdBuilder;
using support::Field;
using support::Kind;
using support::SteBuilder;
using support::StructureBuilder;
using support::Words;
namespace cd = support::cd;
namespace ste = support::ste;
namespace event = support::event;

inline constexpr u64 stream_table = 0x6000'0000;
inline constexpr u64 cd_table = 0x6100'0000;
inline constexpr u64 page = 0x9000'0000;        ///< what stage 1 gives
inline constexpr u64 final_page = 0xa000'0000;  ///< what stage 2 gives for it
inline constexpr u64 address = 0x12'3456'7abc;

class Oracle : public testing::Test {
protected:
    Oracle() {
        registers.STRTAB_BASE = stream_table;
        registers.STRTAB_BASE_CFG = 4;
        transaction.stream = 3;
        transaction.address = address;
        entry.set(ste::V, 1).set(ste::Config, ste::Nested).set(ste::S1ContextPtr, cd_table);
        entry.set(ste::S2AA64, 1).set(ste::S2T0SZ, 16).set(ste::S2SL0, 2).set(ste::S2PS, 5).set(ste::S2R, 1);
        entry.set(ste::S2TTB, 0x1'0000'0000);
        context.set(cd::V, 1).set(cd::AA64, 1).set(cd::R, 1).set(cd::A, 1).set(cd::T0SZ, 16).set(cd::IPS, 5);
        context.set(cd::TTB0, 0x4000'0000).set(cd::EPD1, 1);
        support::TableBuilder first(words, 12, 0, 0x4000'0000, 0x4000'1000);
        first.put(address, 3, page | 0xf43);
        support::TableBuilder second(words, 12, 0, 0x1'0000'0000, 0x1'0000'1000);
        for (u64 table = 0x4000'0000; table < first.next(); table += 0x1000) second.put(table, 3, table | 0x7ff);
        second.put(cd_table, 3, cd_table | 0x7ff);
        second.put(page, 3, final_page | 0x7ff);
        second.put(address, 3, final_page | 0x7ff);  // the input address as an intermediate address
    }

    void place(u64 at, const StructureBuilder<8>& structure) {
        for (unsigned index = 0; index < 8; ++index) words[at + 8 * index] = structure.words()[index];
    }

    Outcome run() {
        place(stream_table + 64 * 3, entry);
        place(cd_table, context);
        Memory memory;
        memory.read = [this](u64 at) -> std::optional<u64> {
            if (holes.contains(at)) return std::nullopt;
            return words.contains(at) ? words[at] : 0;
        };
        memory.write = [this](u64 at, u64 value) {
            words[at] = value;
            return !read_only.contains(at);
        };
        return translate(identity, registers, memory, transaction);
    }

    /// The number of the event, 0 if there is none.
    u64 event_number() {
        const Outcome outcome = run();
        return outcome.event ? outcome.event->get(event::number) : 0;
    }
    void only(u64 config) { entry.set(ste::Config, config); }

    Identity identity;
    Registers registers;
    Transaction transaction;
    SteBuilder entry;
    CdBuilder context;
    Words words;
    std::set<u64> holes;
    std::set<u64> read_only;
};

}  // namespace smmusim::oracle
