// Promises of page tables: what is mapped is found by a walker of six lines, and nothing else is.
#include "sw/pgtable/page_table.hpp"
#include "fake_cpu.hpp"
#include "sw/iommu/protection.hpp"

namespace smmusim::test {
namespace {

using namespace sw::iommu;
using sw::pgtable::Geometry;
using sw::pgtable::PageTable;
using sw::pgtable::PhysicalTables;
using sw::pgtable::Stage;

/// The leaf descriptor for an input address and its level, as any hardware would find it (DDI 0487, D8.2).
std::optional<std::pair<u64, unsigned>> walk(const FakeMemory& memory, u64 root, unsigned granule_bits, unsigned start,
                                             unsigned input_bits, u64 input) {
    u64 table = root;
    for (unsigned level = start; level <= 3; ++level) {
        const unsigned low = granule_bits + (3 - level) * (granule_bits - 3);
        const unsigned bits = level == start ? input_bits - low : granule_bits - 3;
        const u64 descriptor = memory.u64_at(table + 8 * (input >> low & ((u64{1} << bits) - 1)));
        if ((descriptor & 1) == 0) return std::nullopt;
        if (level == 3 || (descriptor & 2) == 0) return std::pair(descriptor, level);
        table = descriptor & 0xFFFF'FFFF'F000 & ~((u64{1} << granule_bits) - 1);
    }
    return std::nullopt;
}

class PageTableTest : public CpuFixture {
protected:
    PageTableTest() : pool(ram, 64 * MiB), tables(pool) {}

    void make(const Geometry& shape) {
        table = std::make_unique<PageTable>(shape, tables);
        ASSERT_EQ(await(table->create(cpu())), 0);
    }
    PageTable::Progress map(u64 input, u64 output, u64 size, u32 prot = IOMMU_READ | IOMMU_WRITE) {
        return await(table->map(cpu(), input, output, size, prot));
    }
    std::optional<u64> found(u64 input) const {
        const Geometry& shape = table->geometry();
        const auto leaf = walk(memory, table->root(), shape.granule_bits, shape.start_level(), shape.input_bits, input);
        if (!leaf) return std::nullopt;
        const unsigned low = shape.granule_bits + (3 - leaf->second) * (shape.granule_bits - 3);
        const u64 mask = (u64{1} << low) - 1;
        return (leaf->first & 0xFFFF'FFFF'FFFF & ~mask) | (input & mask);
    }
    u64 descriptor(u64 input) const {
        const Geometry& shape = table->geometry();
        return walk(memory, table->root(), shape.granule_bits, shape.start_level(), shape.input_bits, input)->first;
    }

    sw::cpu::PagePool pool;
    PhysicalTables tables;
    std::unique_ptr<PageTable> table;
};

TEST_F(PageTableTest, MappedPagesAreInMemoryWhenMapReturnsAndNothingElseIs) {
    make({});
    EXPECT_EQ(map(0x12'3456'7000, 0x9000'0000, 3 * 4096).error, 0);
    EXPECT_FALSE(cpu().stores_pending());
    EXPECT_EQ(found(0x12'3456'7ABC), 0x9000'0ABCu);
    EXPECT_EQ(found(0x12'3456'9FFF), 0x9000'2FFFu);
    EXPECT_FALSE(found(0x12'3456'6FFF));
    EXPECT_FALSE(found(0x12'3456'A000));
    EXPECT_EQ(table->table_bytes(), 4u * 4096) << "four levels";
}

TEST_F(PageTableTest, TableIsZeroedBeforeItIsLinked) {
    make({});
    for (u64 word = 0; word < 64 * 1024; word += 8) memory.put<u64>(ram + 4096 + word, ~u64{0});
    memory.log.clear();
    EXPECT_EQ(map(0x1000, 0x9000'0000, 4096).error, 0);
    EXPECT_FALSE(found(0));
    EXPECT_FALSE(found(0x2000));
    // In the log, the zeroing of a table stands before the store of the descriptor that leads to it.
    std::vector<u64> zeroed;
    u32 links = 0;
    for (const auto& access : memory.log) {
        if (access.command != sim::Command::Write) continue;
        if (access.size == 4096) zeroed.push_back(access.address);
        const u64 next = memory.u64_at(access.address) & ~u64{4095};
        if (access.size != 8 || next >= ram + ram_size) continue;
        ++links;
        EXPECT_NE(std::find(zeroed.begin(), zeroed.end(), next), zeroed.end()) << std::hex << next;
    }
    EXPECT_EQ(links, 3u);
}

TEST_F(PageTableTest, CrossesTheTablesOfEveryLevel) {
    make({});
    const u64 input = (u64{1} << 39) - 2 * 4096;  // the border of a level 0 entry
    EXPECT_EQ(map(input, 0x8000'0000, 4 * 4096).error, 0);
    for (u64 page = 0; page < 4; ++page) EXPECT_EQ(found(input + page * 4096), 0x8000'0000 + page * 4096);
    EXPECT_EQ(await(table->unmap(cpu(), input, 4 * 4096)), 4u * 4096);
    for (u64 page = 0; page < 4; ++page) EXPECT_FALSE(found(input + page * 4096));
}

TEST_F(PageTableTest, ErrorsAreThoseOfTheInterface) {
    make({});
    EXPECT_EQ(map(0x1001, 0x9000'0000, 4096).error, -EINVAL);
    EXPECT_EQ(map(0x1000, 0x9000'0800, 4096).error, -EINVAL);
    EXPECT_EQ(map(0x1000, 0x9000'0000, 0).error, -EINVAL);
    EXPECT_EQ(map(0x1000, 0x9000'0000, 100).error, -EINVAL);
    EXPECT_EQ(map((u64{1} << 48) - 4096, 0x9000'0000, 8192).error, -ERANGE);
    EXPECT_EQ(map(0x1000, u64{1} << 48, 4096).error, -ERANGE);
    EXPECT_EQ(map(~u64{0} << 12, 0x9000'0000, 4096).error, -ERANGE);
    EXPECT_EQ(map(0x3000, 0x9000'0000, 4096).error, 0);
    const PageTable::Progress partial = map(0x1000, 0xA000'0000, 4 * 4096);
    EXPECT_EQ(partial.error, -EEXIST);
    EXPECT_EQ(partial.bytes, 2u * 4096) << "up to what was there";
    EXPECT_EQ(found(0x3000), 0x9000'0000u) << "which stays";
}

TEST_F(PageTableTest, UnmapStopsAtTheFirstHole) {
    make({});
    EXPECT_EQ(map(0x1000, 0x9000'0000, 2 * 4096).error, 0);
    EXPECT_EQ(map(0x4000, 0x9000'4000, 4096).error, 0);
    EXPECT_EQ(await(table->unmap(cpu(), 0x1000, 4 * 4096)), 2u * 4096);
    EXPECT_EQ(found(0x4000), 0x9000'4000u);
}

TEST_F(PageTableTest, BlocksAreMappedInTheTablesThatPagesHaveLeft) {
    Geometry shape;
    shape.blocks = true;
    make(shape);
    for (const u64 size : {2 * MiB, GiB}) {
        EXPECT_EQ(map(GiB + 2 * MiB, 0x9000'0000, 4096).error, 0);
        EXPECT_EQ(await(table->unmap(cpu(), GiB + 2 * MiB, 4096)), 4096u);
        const u64 begin = size == GiB ? GiB : GiB + 2 * MiB;
        const PageTable::Progress progress = map(begin, 0x8000'0000, size);
        EXPECT_EQ(progress.error, 0);
        EXPECT_EQ(progress.bytes, size);
        for (u64 offset = 0; offset < size; offset += size / 8 + 4096)
            EXPECT_EQ(found(begin + offset), 0x8000'0000 + offset);
        EXPECT_EQ(map(begin, 0x8000'0000, size).error, -EEXIST);
        EXPECT_EQ(await(table->unmap(cpu(), begin, size)), size);
        EXPECT_FALSE(found(begin));
    }
}

TEST_F(PageTableTest, BlocksAreUsedWherePermittedAndAligned) {
    Geometry shape;
    shape.blocks = true;
    make(shape);
    EXPECT_EQ(map(0x3FE0'0000, 0x7FE0'0000, 2 * MiB + 1 * GiB + 4096).error, 0);
    const auto level = [&](u64 input) { return walk(memory, table->root(), 12, 0, 48, input)->second; };
    EXPECT_EQ(level(0x3FE0'0000), 2u);
    EXPECT_EQ(level(0x4000'0000), 1u);
    EXPECT_EQ(level(0x8000'0000), 3u);
    EXPECT_EQ(found(0x4123'4567), 0x8123'4567u);
    EXPECT_EQ(await(table->unmap(cpu(), 0x4000'0000, 4096)), 0u) << "a block goes whole or not at all";
    EXPECT_EQ(await(table->unmap(cpu(), 0x4000'0000, 1 * GiB)), 1 * GiB);
    EXPECT_FALSE(found(0x4123'4567));
    Geometry plain;
    make(plain);
    EXPECT_EQ(map(0x4000'0000, 0x8000'0000, 2 * MiB).error, 0);
    EXPECT_EQ(level(0x4000'0000), 3u) << "not without being asked";
}

TEST_F(PageTableTest, Stage1PermissionsAndAttributes) {
    make({});
    EXPECT_EQ(map(0x1000, 0x9000'0000, 4096, IOMMU_READ | IOMMU_CACHE | IOMMU_NOEXEC).error, 0);
    EXPECT_EQ(map(0x2000, 0x9000'0000, 4096, IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE).error, 0);
    EXPECT_EQ(map(0x3000, 0x9000'0000, 4096, IOMMU_WRITE | IOMMU_MMIO | IOMMU_NOEXEC).error, 0);
    const auto bits = [&](u64 input, unsigned high, unsigned low) {
        return sim::bits_of(descriptor(input), high, low);
    };
    EXPECT_EQ(bits(0x1000, 7, 6), 0b11u) << "AP: read-only at both levels";
    EXPECT_EQ(bits(0x2000, 7, 6), 0b01u) << "AP: read and write at both levels";
    EXPECT_EQ(bits(0x1000, 54, 53), 0b11u) << "UXN, PXN";
    EXPECT_EQ(bits(0x2000, 54, 53), 0b00u);
    EXPECT_EQ(bits(0x2000, 4, 2), 1u) << "AttrIndx: write-back";
    EXPECT_EQ(bits(0x3000, 4, 2), 2u) << "AttrIndx: device";
    EXPECT_EQ(bits(0x3000, 10, 10), 1u) << "AF";
    EXPECT_EQ(bits(0x3000, 11, 11), 1u) << "nG";
}

TEST_F(PageTableTest, Stage2PermissionsAreIndependent) {
    Geometry shape;
    shape.stage = Stage::Two;
    make(shape);
    EXPECT_EQ(map(0x1000, 0x9000'0000, 4096, IOMMU_WRITE | IOMMU_MMIO).error, 0);
    EXPECT_EQ(map(0x2000, 0x9000'0000, 4096, IOMMU_READ | IOMMU_CACHE).error, 0);
    EXPECT_EQ(sim::bits_of(descriptor(0x1000), 7, 6), 0b10u) << "S2AP: write only";
    EXPECT_EQ(sim::bits_of(descriptor(0x2000), 7, 6), 0b01u) << "S2AP: read only";
    EXPECT_EQ(sim::bits_of(descriptor(0x1000), 5, 2), 0b0001u) << "Device-nGnRE";
    EXPECT_EQ(sim::bits_of(descriptor(0x2000), 5, 2), 0b1111u) << "write-back";
}

struct Shape {
    Stage stage;
    unsigned granule, input, start;
    u64 root_bytes;
};

TEST(PageTableGeometry, StartLevelsAreThoseOfTheManual) {
    for (const Shape& expected :
         {Shape{Stage::One, 12, 48, 0, 4096}, Shape{Stage::One, 12, 39, 1, 4096}, Shape{Stage::One, 12, 40, 0, 16},
          Shape{Stage::One, 14, 48, 0, 16}, Shape{Stage::One, 16, 48, 1, 512}, Shape{Stage::One, 16, 42, 2, 65536},
          Shape{Stage::Two, 12, 48, 0, 4096}, Shape{Stage::Two, 12, 40, 1, 2 * 4096},
          Shape{Stage::Two, 12, 42, 1, 8 * 4096}, Shape{Stage::Two, 12, 43, 1, 16 * 4096},
          Shape{Stage::Two, 12, 44, 0, 256}, Shape{Stage::Two, 14, 48, 1, 2 * 16384},
          Shape{Stage::Two, 12, 32, 2, 4 * 4096}}) {
        Geometry shape;
        shape.stage = expected.stage;
        shape.granule_bits = expected.granule;
        shape.input_bits = expected.input;
        EXPECT_EQ(shape.start_level(), expected.start) << expected.granule << " " << expected.input;
        EXPECT_EQ(shape.root_bytes(), expected.root_bytes) << expected.granule << " " << expected.input;
    }
}

/// Random maps and unmaps in every granule and stage against a map of pages.
TEST_F(PageTableTest, RandomMapsAndUnmapsAgreeWithAMapOfPages) {
    u64 state = 99;
    const auto random = [&state](u64 below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % below;
    };
    for (const Shape& kind : {Shape{Stage::One, 12, 48, 0, 0}, Shape{Stage::Two, 12, 40, 0, 0},
                              Shape{Stage::One, 14, 48, 0, 0}, Shape{Stage::Two, 16, 48, 0, 0}}) {
        Geometry shape;
        shape.stage = kind.stage;
        shape.granule_bits = kind.granule;
        shape.input_bits = kind.input;
        make(shape);
        const u64 granule = shape.granule();
        std::map<u64, u64> model;
        const auto place = [&] {
            const u64 regions[] = {0, (u64{1} << 39) - 8 * granule, 0x4000'0000 - 8 * granule};
            return regions[random(3)] + random(32) * granule;
        };
        for (int step = 0; step < 150; ++step) {
            const u64 input = place(), pages = 1 + random(6);
            if (random(2) == 0) {
                const u64 output = 0x1'0000'0000 + random(1000) * granule;
                u64 free = 0;
                while (free < pages && !model.contains(input + free * granule)) ++free;
                const PageTable::Progress done = map(input, output, pages * granule);
                ASSERT_EQ(done.error, free == pages ? 0 : -EEXIST);
                ASSERT_EQ(done.bytes, free * granule);
                for (u64 page = 0; page < free; ++page) model[input + page * granule] = output + page * granule;
            } else {
                u64 there = 0;
                while (there < pages && model.contains(input + there * granule)) ++there;
                ASSERT_EQ(await(table->unmap(cpu(), input, pages * granule)), there * granule);
                for (u64 page = 0; page < there; ++page) model.erase(input + page * granule);
            }
            for (int probe = 0; probe < 8; ++probe) {
                const u64 at = place();
                const auto expected = model.find(at);
                const std::optional<u64> seen = found(at);
                ASSERT_EQ(seen.has_value(), expected != model.end());
                if (seen) {
                    ASSERT_EQ(*seen, expected->second);
                }
                ASSERT_EQ(await(table->translate(cpu(), at)), seen);
            }
        }
    }
    table.reset();
    EXPECT_EQ(pool.used(), 0u) << "all tables are given back";
}

TEST_F(PageTableTest, MemoryThatRunsOutIsAnErrorAndNotACrash) {
    sw::cpu::PagePool tiny(ram, 2 * 4096);
    PhysicalTables few(tiny);
    PageTable small({}, few);
    EXPECT_EQ(await(small.create(cpu())), 0);
    EXPECT_EQ(await(small.map(cpu(), 0x1000, 0x9000'0000, 4096, IOMMU_READ)).error, -ENOMEM);
}

}  // namespace
}  // namespace smmusim::test
