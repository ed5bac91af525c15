#include "bench/tables.hpp"

#include <cstring>

#include "support/structure_builder.hpp"
#include "support/table_builder.hpp"

namespace smmusim::bench {

namespace {

constexpr u64 page = 4096;

template <unsigned Words>
void store(memory::Storage& memory, u64 address, const support::StructureBuilder<Words>& structure) {
    std::memcpy(memory.at(address), structure.words().data(), sizeof(u64) * Words);
}

void write_stream(memory::Storage& memory, u32 number, const Layout& layout, bool nested) {
    namespace ste = support::ste;
    namespace cd = support::cd;
    const u64 descriptor = descriptor_address + u64{number} * 64;
    support::SteBuilder entry;
    entry.set(ste::V, 1).set(ste::Config, nested ? ste::Nested : ste::Stage1).set(ste::S1ContextPtr, descriptor);
    entry.set(ste::SHCFG, 1);
    if (nested) {
        entry.set(ste::S2VMID, 1).set(ste::S2T0SZ, 16).set(ste::S2SL0, 2).set(ste::S2PS, 5).set(ste::S2AA64, 1);
        entry.set(ste::S2R, 1).set(ste::S2TTB, layout.stage2_root);
    }
    store(memory, stream_table_address + u64{number} * 64, entry);
    support::CdBuilder context;
    context.set(cd::V, 1).set(cd::AA64, 1).set(cd::T0SZ, 16).set(cd::EPD1, 1).set(cd::IPS, 5).set(cd::R, 1);
    context.set(cd::A, 1).set(cd::ASID, number & 0xFFFF).set(cd::TTB0, layout.stage1_root).set(cd::MAIR0, 0xFF);
    store(memory, descriptor, context);
}

}  // namespace

Layout build(memory::Storage& memory, const TableWishes& wishes) {
    constexpr u64 stage1_leaf = 0xF43;  // AF, inner shareable, EL0 may read and write
    constexpr u64 stage2_leaf = 0x7FF;  // AF, inner shareable, read and write, Normal write-back
    support::Words words;
    Layout layout;
    layout.stage1_root = table_address;
    support::TableBuilder stage1(words, 12, 0, layout.stage1_root, layout.stage1_root + page);
    for (u32 number = 0; number < wishes.pages; ++number)
        stage1.put(input_base + number * page, 3, (frame_address + number % wishes.frames * page) | stage1_leaf);
    if (wishes.nested) {
        // Stage 2 maps onto themselves: the stage 1 tables, the descriptors, and the frames.
        layout.stage2_root = stage1.next();
        support::TableBuilder stage2(words, 12, 0, layout.stage2_root, layout.stage2_root + page);
        const auto identity = [&](u64 begin, u64 end) {
            for (u64 address = begin; address < end; address += page) stage2.put(address, 3, address | stage2_leaf);
        };
        identity(table_address, layout.stage2_root);
        identity(descriptor_address, descriptor_address + (first_stream + u64{wishes.streams}) * 64);
        identity(frame_address, frame_address + wishes.frames * page);
    }
    for (const auto& [address, word] : words) std::memcpy(memory.at(address), &word, sizeof word);
    for (u32 index = 0; index < wishes.streams; ++index)
        write_stream(memory, stream_number(index), layout, wishes.nested);
    for (u32 frame = 0; frame < wishes.frames; ++frame)
        std::memset(memory.at(frame_address + frame * page), static_cast<int>(frame & 0xFF), page);
    return layout;
}

}  // namespace smmusim::bench
