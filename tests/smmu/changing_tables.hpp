// Address spaces whose mappings change under traffic, and the rule that says which mapping an access may use.
#pragma once

#include <optional>

#include "smmu/machine.hpp"
#include "smmu/random_tables.hpp"

namespace smmusim::test {

/// What a page was mapped to, and when software may rely on that having ended.
struct Mapping {
    std::optional<u64> output;  ///< address of the page; nothing: unmapped
    Time begin = 0;             ///< the entry was written
    Time end = end_of_time;     ///< the CMD_SYNC after the invalidation has completed
};

/// All mappings that one page has had. They overlap: while a change is under way, either may be used.
class History {
public:
    void begin(Mapping mapping) { mappings_.push_back(mapping); }
    /// Only the newest mapping counts from now on.
    void settle(Time at) {
        for (std::size_t index = 0; index + 1 < mappings_.size(); ++index)
            mappings_[index].end = std::min(mappings_[index].end, at);
    }
    const Mapping& newest() const { return mappings_.back(); }
    std::size_t size() const { return mappings_.size(); }

    /// The mapping that explains an access which took effect on `output` at `effect`, or null.
    const Mapping* explains(u64 output, Time effect) const {
        for (const Mapping& mapping : mappings_)
            if (mapping.output == output && mapping.begin <= effect && effect <= mapping.end) return &mapping;
        return nullptr;
    }
    /// The same for an access that ended without an effect.
    const Mapping* explains_fault(Time arrived, Time ended) const {
        for (const Mapping& mapping : mappings_)
            if (!mapping.output && mapping.begin <= ended && arrived <= mapping.end) return &mapping;
        return nullptr;
    }

private:
    std::vector<Mapping> mappings_;
};

/// Tables that one or more streams share: pages of their own, and 2 MiB that are a block or a table.
class ChangingSpace {
public:
    static constexpr u64 pages_base = 0x1234'5000;
    static constexpr u64 block_base = 0x4060'0000;
    static constexpr unsigned single_pages = 10;
    static constexpr unsigned block_pages = 6;  ///< of the 512, those that are looked at
    static constexpr u64 block_bytes = 0x20'0000;

    enum class Shape : u8 { Broken, Block, Table };

    u16 vmid = 0;
    u16 asid = 0;
    bool stage2 = false;  ///< stage 2 alone: addresses are IPAs
    bool nested = false;  ///< stage 2 cuts the block into pages
    u64 root = 0;
    std::vector<u32> streams;
    Shape shape = Shape::Broken;
    std::vector<History> pages = std::vector<History>(single_pages + block_pages);

    static u64 address(unsigned page) {
        // Those in the block lie far apart.
        return page < single_pages ? pages_base + u64{page} * 0x1000 : block_base + u64{page - single_pages} * 0x3'1000;
    }
    u64 leaf_attributes() const { return stage2 ? 0x7FC : 0xF40; }
};

/// Streams of one stage, of the other, and of both, with the tables that they share.
class ChangingMachine : public SmmuMachine {
public:
    explicit ChangingMachine(const uarch::SmmuConfig& config) : SmmuMachine(config) {
        spaces.resize(4);
        share(spaces[0], 0, 1, {8, 9});
        share(spaces[1], 0, 2, {10});
        stage2_only(spaces[2], 5, 11);
        prepare_stage2();
        spaces[3].nested = true;
        share(spaces[3], 6, 1, {12});
        nest(6, 12);
        bring_up();
    }

    std::vector<ChangingSpace> spaces;

    /// Writes an entry now; what the page had been goes on being allowed until it is settled.
    void change_page(ChangingSpace& space, unsigned page, bool mapped) {
        const u64 address = ChangingSpace::address(page);
        Mapping mapping{std::nullopt, simulation.now()};
        if (mapped) mapping.output = next_output_ += 0x1000;
        if (mapped) map(space.root, address, *mapping.output, space.leaf_attributes() | 3);
        else memory.put(leaf_address(space.root, address), u64{0});
        space.pages[page].begin(mapping);
    }
    /// The 2 MiB become something else; between block and table lies Broken.
    void change_shape(ChangingSpace& space, ChangingSpace::Shape shape) {
        using Shape = ChangingSpace::Shape;
        const u64 entry = block_entry(space);
        space.shape = shape;
        const u64 block = next_block_;
        if (shape == Shape::Block) {
            next_block_ += ChangingSpace::block_bytes;
            if (space.nested) map_in_pages(block);
        }
        u64 value = shape == Shape::Block ? block | space.leaf_attributes() | 1 : 0;
        if (shape == Shape::Table) value = table() | 3;
        memory.put(entry, value);
        for (unsigned page = ChangingSpace::single_pages; page < space.pages.size(); ++page) {
            const u64 offset = ChangingSpace::address(page) - ChangingSpace::block_base;
            if (shape == Shape::Table) change_page(space, page, page % 3 != 0);
            else if (shape == Shape::Block) space.pages[page].begin({block + offset, simulation.now()});
            else space.pages[page].begin({std::nullopt, simulation.now()});
        }
    }

private:
    /// The level 2 entry of the 2 MiB.
    u64 block_entry(const ChangingSpace& space) {
        u64 place = space.root;
        for (unsigned level = 0; level < 2; ++level) {
            const u64 entry = place + ((ChangingSpace::block_base >> (39 - 9 * level)) & 511) * 8;
            if (memory.get<u64>(entry) == 0) memory.put(entry, table() | 3);
            place = memory.get<u64>(entry) & ~u64{0xFFF};
        }
        return place + ((ChangingSpace::block_base >> 21) & 511) * 8;
    }
    void begin(ChangingSpace& space) {
        for (unsigned page = 0; page < ChangingSpace::single_pages; ++page) change_page(space, page, true);
        change_shape(space, ChangingSpace::Shape::Table);
    }
    void share(ChangingSpace& space, u16 vmid, u16 asid, const std::vector<u32>& streams) {
        space.vmid = vmid;
        space.asid = asid;
        space.streams = streams;
        for (const u32 stream : streams) {
            const u64 root = stage1_stream(stream, asid);
            if (space.root == 0) space.root = root;
            spec::Cd cd;
            memory.read(cds + u64{stream} * 64, cd.words.data(), 64);
            cd.set(spec::Cd::TTB0, space.root);
            set_cd(cds + u64{stream} * 64, cd);
        }
        begin(space);
    }
    static void set_stage2(spec::Ste& ste, u16 vmid, u64 root) {
        ste.set(spec::Ste::S2VMID, vmid);
        ste.set(spec::Ste::S2T0SZ, 16);
        ste.set(spec::Ste::S2SL0, 2);
        ste.set(spec::Ste::S2PS, 5);
        ste.set(spec::Ste::S2AA64, true);
        ste.set(spec::Ste::S2R, true);
        ste.set(spec::Ste::S2TTB, root);
    }
    void stage2_only(ChangingSpace& space, u16 vmid, u32 stream) {
        space.vmid = vmid;
        space.stage2 = true;
        space.streams = {stream};
        space.root = table();
        spec::Ste ste;
        ste.set(spec::Ste::V, true);
        ste.set(spec::Ste::Cfg, spec::Ste::Config::Stage2);
        ste.set(spec::Ste::SHCFG, 1);
        set_stage2(ste, vmid, space.root);
        set_ste(stream, ste);
        begin(space);
    }
    /// A stage 2 that changes no address: most in blocks of 1 GiB and 2 MiB, the blocks of stage 1 in pages.
    void prepare_stage2() {
        const u64 large = table();
        stage2_root_ = table();
        stage2_blocks_ = table();
        memory.put(stage2_root_, large | 3);
        for (u64 index = 0; index < 4; ++index) memory.put(large + index * 8, index << 30 | 0x7FD);
        memory.put(large + (ram >> 30) * 8, stage2_blocks_ | 3);
        for (u64 block = ram; block < next_block_; block += ChangingSpace::block_bytes)
            memory.put(stage2_blocks_ + (block >> 21 & 511) * 8, block | 0x7FD);
    }
    void map_in_pages(u64 block) {
        const u64 pages = table();
        for (u64 index = 0; index < 512; ++index) memory.put(pages + index * 8, (block + index * 0x1000) | 0x7FF);
        memory.put(stage2_blocks_ + (block >> 21 & 511) * 8, pages | 3);
    }
    void nest(u16 vmid, u32 stream) {
        spec::Ste ste;
        memory.read(strtab + u64{stream} * 64, ste.words.data(), 64);
        ste.set(spec::Ste::Cfg, spec::Ste::Config::Nested);
        set_stage2(ste, vmid, stage2_root_);
        set_ste(stream, ste);
    }

    u64 stage2_root_ = 0;
    u64 stage2_blocks_ = 0;  ///< of the GiB in which memory is
    u64 next_output_ = ram + 0x100'0000;
    u64 next_block_ = ram + 0x1000'0000;
};

}  // namespace smmusim::test
