// What the fields of a legal stream table entry do.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter3_fields {
namespace {

namespace ste = bits::ste;
using sim::Cacheability;
using sim::Shareability;
using Change = RuleMachine::Change;

constexpr u64 page = RuleMachine::page;

/// One stream with the entry; whatever it points to is in memory and good.
struct EntryMachine : RuleMachine {
    explicit EntryMachine(const SteBuilder& entry, const Change& change = {}) : RuleMachine(change) {
        set_up_nested();
        put_ste(entry);
        bring_up();
        memory.log.clear();
    }
    /// Attributes of the first read of that class.
    sim::MemoryAttributes attributes_of(sim::TransactionClass wanted, u64 address) {
        for (const auto& entry : memory.log)
            if (entry.attributes.transaction_class == wanted && entry.address >= address)
                return entry.attributes.memory;
        ADD_FAILURE() << "no such read";
        return {};
    }
};
SteBuilder bypass() { return RuleMachine::bypass_ste(); }
SteBuilder stage2() { return RuleMachine::stage2_ste(); }

// Config.

TEST(SmmuSteFields, ConfigSelectsTheStages) {
    EntryMachine none(bypass());
    EXPECT_EQ(none.reads_of(page), (RuleMachine::Reads{0, 1}));
    EntryMachine first(RuleMachine::stage1_ste());
    EXPECT_EQ(first.reads_of(RuleMachine::iova), (RuleMachine::Reads{4, 2}));
    EntryMachine second(stage2());
    EXPECT_EQ(second.reads_of(page), (RuleMachine::Reads{1, 1}));
    EntryMachine both(RuleMachine::nested_ste());
    // Stage 2 for the CD, each of four stage 1 tables, and the output.
    EXPECT_EQ(both.reads_of(RuleMachine::iova), (RuleMachine::Reads{4 + 1 + 4 + 1, 2}));
}

TEST(SmmuSteFields, BypassPassesTheAddressUpToTheOutputSize) {
    EntryMachine machine(bypass());
    EXPECT_EQ(machine.read(page + 8).address, page + 8);
    EXPECT_TRUE(machine.read(u64{1} << 48).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_ADDR_SIZE);
}

// Overrides.

TEST(SmmuSteFields, ShcfgReplacesTheShareability) {
    const Ask how{.memory = {.shareability = Shareability::InnerShareable}};
    const auto shareability = [&](u64 shcfg) {
        return EntryMachine(bypass().set(ste::SHCFG, shcfg)).read(page, how).attributes.memory.shareability;
    };
    EXPECT_EQ(shareability(0b00), Shareability::NonShareable);
    EXPECT_EQ(shareability(0b01), Shareability::InnerShareable) << "incoming";
    EXPECT_EQ(shareability(0b10), Shareability::OuterShareable);
    EXPECT_EQ(shareability(0b11), Shareability::InnerShareable);
}

TEST(SmmuSteFields, AlloccfgReplacesTheAllocationHints) {
    const Ask how{.memory = {.read_allocate = true, .write_allocate = false, .transient = true}};
    for (u64 alloccfg = 0; alloccfg < 16; ++alloccfg) {
        EntryMachine machine(bypass().set(ste::ALLOCCFG, alloccfg));
        const sim::MemoryAttributes memory = machine.read(page, how).attributes.memory;
        const bool replace = alloccfg >= 8;
        EXPECT_EQ(memory.read_allocate, replace ? (alloccfg & 4) != 0 : true) << alloccfg;
        EXPECT_EQ(memory.write_allocate, replace ? (alloccfg & 2) != 0 : false) << alloccfg;
        EXPECT_EQ(memory.transient, replace ? (alloccfg & 1) != 0 : true) << alloccfg;
    }
}

TEST(SmmuSteFields, PrivcfgReplacesThePrivilege) {
    for (const u64 privcfg : {0b00, 0b01, 0b10, 0b11})
        for (const bool incoming : {false, true}) {
            EntryMachine machine(bypass().set(ste::PRIVCFG, privcfg));
            const bool expected = privcfg < 2 ? incoming : privcfg == 0b11;
            EXPECT_EQ(machine.read(page, {.privileged = incoming}).attributes.privileged, expected) << privcfg;
        }
}

TEST(SmmuSteFields, InstcfgReplacesTheInstructionAttributeOfReads) {
    for (const u64 instcfg : {0b00, 0b01, 0b10, 0b11})
        for (const bool incoming : {false, true}) {
            EntryMachine machine(bypass().set(ste::INSTCFG, instcfg));
            const bool expected = instcfg < 2 ? incoming : instcfg == 0b11;
            EXPECT_EQ(machine.read(page, {.instruction = incoming}).attributes.instruction, expected) << instcfg;
            EXPECT_FALSE(machine.write(page).attributes.instruction) << instcfg;
        }
}

TEST(SmmuSteFields, PermissionOverridesNeedAttrPermsOvr) {
    EntryMachine machine(bypass().set(ste::PRIVCFG, 0b11).set(ste::INSTCFG, 0b11),
                         [](spec::Identification& id) { id.idr1.ATTR_PERMS_OVR = 0; });
    const Answer answer = machine.read(page);
    EXPECT_FALSE(answer.attributes.privileged);
    EXPECT_FALSE(answer.attributes.instruction);
}

TEST(SmmuSteFields, TypeOverridesNeedAttrTypesOvr) {
    EntryMachine machine(bypass().set(ste::MTCFG, 1).set(ste::SHCFG, 0b11).set(ste::ALLOCCFG, 0b1000),
                         [](spec::Identification& id) { id.idr1.ATTR_TYPES_OVR = 0; });
    EXPECT_EQ(machine.read(page).attributes.memory, sim::MemoryAttributes{});
}

// Attributes of the SMMU's own reads.

TEST(SmmuSteFields, S1cirS1corAndS1cshGiveTheAttributesOfDescriptorFetches) {
    struct Case {
        u64 inner, outer, shareability;
        Cacheability expected_inner, expected_outer;
        Shareability expected_shareability;
    };
    constexpr Cacheability nc = Cacheability::NonCacheable, wb = Cacheability::WriteBack,
                           wt = Cacheability::WriteThrough;
    for (const Case& entry : {Case{0b01, 0b10, 0b11, wb, wt, Shareability::InnerShareable},
                              Case{0b11, 0b01, 0b10, wb, wb, Shareability::OuterShareable},
                              Case{0b10, 0b11, 0b00, wt, wb, Shareability::NonShareable},
                              Case{0b01, 0b01, 0b01, wb, wb, Shareability::NonShareable},
                              Case{0b00, 0b00, 0b11, nc, nc, Shareability::OuterShareable}}) {
        EntryMachine machine(RuleMachine::stage1_ste()
                                 .set(ste::S1CIR, entry.inner)
                                 .set(ste::S1COR, entry.outer)
                                 .set(ste::S1CSH, entry.shareability));
        ASSERT_TRUE(machine.read(RuleMachine::iova).passed());
        const sim::MemoryAttributes memory =
            machine.attributes_of(sim::TransactionClass::ConfigFetch, RuleMachine::cds);
        EXPECT_EQ(memory.inner, entry.expected_inner);
        EXPECT_EQ(memory.outer, entry.expected_outer);
        EXPECT_EQ(memory.shareability, entry.expected_shareability);
    }
}

TEST(SmmuSteFields, S2ir0S2or0AndS2sh0GiveTheAttributesOfStage2Walks) {
    EntryMachine machine(stage2().set(ste::S2IR0, 0b10).set(ste::S2OR0, 0b01).set(ste::S2SH0, 0b11));
    ASSERT_TRUE(machine.read(page).passed());
    const sim::MemoryAttributes memory =
        machine.attributes_of(sim::TransactionClass::TableWalk, RuleMachine::stage2_root);
    EXPECT_EQ(memory.inner, Cacheability::WriteThrough);
    EXPECT_EQ(memory.outer, Cacheability::WriteBack);
    EXPECT_EQ(memory.shareability, Shareability::InnerShareable);
}

// Hints and absent features.

TEST(SmmuSteFields, HintsChangeNothing) {
    // DRE 76, CONT 80:77, DCP 81, PPAR 82, MEV 83, software's 87:84, implementation defined 127:116.
    SteBuilder entry = RuleMachine::stage1_ste();
    for (const bits::Field field : {bits::Field{87, 76}, bits::Field{127, 116}}) entry.set(field, ~u64{0});
    EntryMachine machine(entry);
    EXPECT_EQ(machine.read(RuleMachine::iova).address, page);
    EXPECT_TRUE(machine.read(RuleMachine::iova + 0x1000).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
}

TEST(SmmuSteFields, FieldsOfAbsentFeaturesAreIgnored) {
    // S2HWU 75:72, S1PIE 88, S1MPAM 90, NSCFG 111:110, S2HAFT to DPT_VMATCH 191:187, S2NSW and S2NSA 193:192,
    // everything from 256 up: partitions, Secure stage 2, VMS, overlays.
    SteBuilder entry = RuleMachine::nested_ste();
    for (const bits::Field field :
         {bits::Field{75, 72}, bits::Field{88, 88}, bits::Field{90, 90}, bits::Field{111, 110}, bits::Field{191, 187},
          bits::Field{193, 192}, bits::Field{319, 256}, bits::Field{383, 320}, bits::Field{447, 384},
          bits::Field{511, 448}})
        entry.set(field, ~u64{0});
    EntryMachine machine(entry);
    EXPECT_EQ(machine.read(RuleMachine::iova).address, page);
    EXPECT_EQ(machine.events(), 0u);
}

// Stage 2.

TEST(SmmuSteFields, S2t0szBoundsTheIntermediateAddress) {
    EntryMachine machine(stage2());  // 39 bits
    machine.memory.put(RuleMachine::stage2_root + 511 * 8, SmmuMachine::ram | RuleMachine::stage2_block);
    EXPECT_EQ(machine.read((u64{1} << 39) - 8).address, SmmuMachine::ram + (u64{1} << 30) - 8);
    EXPECT_TRUE(machine.read(u64{1} << 39).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    EXPECT_EQ(machine.record().get(bits::event::S2), 1u);
}

TEST(SmmuSteFields, S2sl0SelectsTheStartLevel) {
    // 34 bits from level 2: 16 tables of 4 KiB, entries of 2 MiB.
    EntryMachine machine(stage2().set(ste::S2SL0, 0b00).set(ste::S2T0SZ, 30));
    const u64 input = page;  // 0x4100'0000 and so in entry 520
    machine.memory.put(RuleMachine::stage2_root + (input >> 21) * 8,
                       (page & ~u64{0x1F'FFFF}) | RuleMachine::stage2_block);
    EXPECT_EQ(machine.read(input).address, page);
    EXPECT_EQ(machine.memory.reads(RuleMachine::stage2_root + 520 * 8, 8), 1u);
}

TEST(SmmuSteFields, S2tgSelectsTheGranule) {
    // 64 KiB from level 2: entries of 512 MiB.
    EntryMachine machine(stage2().set(ste::S2TG, 0b01).set(ste::S2SL0, 0b01).set(ste::S2T0SZ, 25));
    machine.memory.put(RuleMachine::stage2_root + (page >> 29) * 8, SmmuMachine::ram | RuleMachine::stage2_block);
    EXPECT_EQ(machine.read(page).address, page);
    // 16 KiB from level 2: entries of 32 MiB.
    EntryMachine other(stage2().set(ste::S2TG, 0b10).set(ste::S2SL0, 0b01).set(ste::S2T0SZ, 28));
    other.memory.put(RuleMachine::stage2_root + (page >> 25) * 8,
                     (page & ~u64{0x1FF'FFFF}) | RuleMachine::stage2_block);
    EXPECT_EQ(other.read(page).address, page);
}

TEST(SmmuSteFields, S2ttbIsAlignedDownToTheStartTable) {
    EntryMachine machine(stage2().set(ste::S2TTB, RuleMachine::stage2_root + 0xFF0));
    EXPECT_EQ(machine.read(page).address, page);
}

TEST(SmmuSteFields, S2psBoundsTheOutput) {
    EntryMachine machine(stage2().set(ste::S2PS, 0));  // 32 bits
    machine.memory.put(RuleMachine::stage2_root + 2 * 8, (u64{1} << 32) | RuleMachine::stage2_block);
    EXPECT_TRUE(machine.read(page).passed());
    EXPECT_TRUE(machine.read(u64{2} << 30).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_ADDR_SIZE);
}

TEST(SmmuSteFields, S2psIsCappedByTheOutputSize) {
    EntryMachine machine(stage2().set(ste::S2PS, 5), [](spec::Identification& id) { id.idr5.OAS = 1; });  // 36 bits
    EXPECT_TRUE(machine.events() == 0);
    machine.put_ste(9, stage2().set(ste::S2PS, 5).set(ste::S2T0SZ, 28));
    machine.memory.put(RuleMachine::stage2_root + 2 * 8, (u64{1} << 36) | RuleMachine::stage2_block);
    EXPECT_TRUE(machine.ask(9, page).passed());
    EXPECT_TRUE(machine.ask(9, u64{2} << 30).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_ADDR_SIZE);
}

TEST(SmmuSteFields, S2endiReadsBigEndianTables) {
    EntryMachine machine(stage2().set(ste::S2ENDI, 1), [](spec::Identification& id) { id.idr0.TTENDIAN = 0; });
    machine.memory.put(RuleMachine::stage2_root + 8, __builtin_bswap64(SmmuMachine::ram | RuleMachine::stage2_block));
    EXPECT_EQ(machine.read(page).address, page);
}

TEST(SmmuSteFields, S2affdIgnoresAClearAccessFlag) {
    constexpr u64 access_flag = 1 << 10;
    for (const bool affd : {false, true}) {
        EntryMachine machine(stage2().set(ste::S2AFFD, affd));
        machine.memory.put(RuleMachine::stage2_root + 8, SmmuMachine::ram | (RuleMachine::stage2_block & ~access_flag));
        EXPECT_EQ(machine.read(page).passed(), affd);
        EXPECT_EQ(machine.only_event(), affd ? RuleMachine::no_event : bits::event::F_ACCESS);
    }
}

TEST(SmmuSteFields, S2ptwRefusesDeviceMemoryForTheSmmusOwnReads) {
    constexpr u64 device_block = RuleMachine::stage2_block & ~u64{0x3C};  // MemAttr 0000
    for (const bool refuse : {false, true}) {
        EntryMachine machine(RuleMachine::nested_ste().set(ste::S2PTW, refuse));
        machine.memory.put(RuleMachine::stage2_root + 8, SmmuMachine::ram | device_block);
        EXPECT_EQ(machine.read(RuleMachine::iova).passed(), !refuse);
        EXPECT_EQ(machine.only_event(), refuse ? bits::event::F_PERMISSION : RuleMachine::no_event);
        if (refuse) {
            EXPECT_EQ(machine.record().get(bits::event::CLASS), bits::event::CD);
        }
    }
    EntryMachine alone(stage2().set(ste::S2PTW, 1));
    alone.memory.put(RuleMachine::stage2_root + 8, SmmuMachine::ram | device_block);
    EXPECT_TRUE(alone.read(page).passed()) << "the client's own access is none of them";
}

TEST(SmmuSteFields, S2haSetsTheAccessFlagAndS2hdTheDirtyState) {
    constexpr u64 access_flag = 1 << 10, writable = u64{1} << 7, dirty_bit_modifier = u64{1} << 51;
    const u64 entry = RuleMachine::stage2_root + 8;
    const u64 clean = (SmmuMachine::ram | RuleMachine::stage2_block | dirty_bit_modifier) & ~(access_flag | writable);
    EntryMachine machine(stage2().set(ste::S2HA, 1).set(ste::S2HD, 1));
    machine.memory.put(entry, clean);
    EXPECT_TRUE(machine.read(page).passed());
    EXPECT_EQ(machine.memory.u64_at(entry), clean | access_flag);
    EXPECT_TRUE(machine.write(page).passed());
    EXPECT_EQ(machine.memory.u64_at(entry), clean | access_flag | writable);

    EntryMachine without(stage2().set(ste::S2HD, 1));  // acts as neither
    without.memory.put(entry, clean);
    EXPECT_TRUE(without.read(page).aborted());
    EXPECT_EQ(without.only_event(), bits::event::F_ACCESS);
    EXPECT_EQ(without.memory.u64_at(entry), clean);
}

TEST(SmmuSteFields, S2rDecidesWhetherFaultsAreRecorded) {
    for (const bool record : {false, true}) {
        EntryMachine machine(stage2().set(ste::S2R, record));
        EXPECT_TRUE(machine.read(u64{5} << 30).aborted());
        EXPECT_EQ(machine.only_event(), record ? bits::event::F_TRANSLATION : RuleMachine::no_event);
    }
}

TEST(SmmuSteFields, S2dsPutsUpperAddressBitsWhereShareabilityWas) {
    const auto large = [](spec::Identification& id) {
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
    };
    // From level 0 with 48 bits; a block of 1 GiB at level 1 whose output has bit 50: bits 9:8 are 01.
    EntryMachine machine(stage2().set(ste::S2DS, 1).set(ste::S2PS, 6).set(ste::S2SL0, 0b10).set(ste::S2T0SZ, 16),
                         large);
    const u64 next = RuleMachine::stage2_root + 0x1000;
    machine.memory.put(RuleMachine::stage2_root, next | 3);
    machine.memory.put(next + 8, SmmuMachine::ram | (RuleMachine::stage2_block & ~u64{0x300}) | 0x100);
    EXPECT_EQ(machine.read(page).address, (u64{1} << 50) | page);
}

TEST(SmmuSteFields, S2sl0_2StartsAtTheLevelAboveLevel0) {
    const auto large = [](spec::Identification& id) {
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
    };
    EntryMachine machine(
        stage2().set(ste::S2DS, 1).set(ste::S2PS, 6).set(ste::S2SL0, 0).set(ste::S2SL0_2, 1).set(ste::S2T0SZ, 12),
        large);
    u64 table = RuleMachine::stage2_root;
    for (unsigned level = 0; level < 2; ++level) {
        machine.memory.put(table, (table + 0x1000) | 3);
        table += 0x1000;
    }
    machine.memory.put(table + 8, SmmuMachine::ram | (RuleMachine::stage2_block & ~u64{0x300}));
    EXPECT_EQ(machine.read(page).address, page);
    EXPECT_EQ(machine.reads_of(page + 0x8000'0000).descriptors, 3u);
}

TEST(SmmuSteFields, S2fwbChangesTheMeaningOfMemattr) {
    // MemAttr 0110: with S2FWB write-back whatever stage 1 says, else outer Non-cacheable, inner Write-Through.
    constexpr u64 block = (RuleMachine::stage2_block & ~u64{0x3C}) | 0b0110 << 2;
    for (const bool fwb : {false, true}) {
        EntryMachine machine(stage2().set(ste::S2FWB, fwb));
        machine.memory.put(RuleMachine::stage2_root + 8, SmmuMachine::ram | block);
        const sim::MemoryAttributes memory = machine.read(page).attributes.memory;
        EXPECT_EQ(memory.outer, fwb ? Cacheability::WriteBack : Cacheability::NonCacheable);
        EXPECT_EQ(memory.inner, fwb ? Cacheability::WriteBack : Cacheability::WriteThrough);
    }
}

}  // namespace
}  // namespace smmusim::test::rule::chapter3_fields
