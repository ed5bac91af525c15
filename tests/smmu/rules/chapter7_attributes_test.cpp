// Memory attributes with which transactions leave (chapter 7.6 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_attributes {
namespace {

using sim::Cacheability;
using sim::MemoryAttributes;
using sim::MemoryType;
using sim::Shareability;

constexpr u64 address = TwoStageMachine::address;

/// Types from the strongest to the weakest; Normal ones with equal inner and outer cacheability.
enum Kind7 : unsigned { nGnRnE, nGnRE, nGRE, GRE, NC, WT, WB };
constexpr std::array<u64, 7> mair_of{0x00, 0x04, 0x08, 0x0C, 0x44, 0xBB, 0xFF};
constexpr std::array<u64, 7> memattr_of{0b0000, 0b0001, 0b0010, 0b0011, 0b0101, 0b1010, 0b1111};
constexpr std::array<u64, 3> sh_of{0b00, 0b11, 0b10};  ///< NSH, ISH, OSH: the stronger the later

MemoryAttributes attributes_of(unsigned kind, Shareability shareability = Shareability::NonShareable) {
    constexpr std::array types{MemoryType::DeviceNGnRnE, MemoryType::DeviceNGnRE, MemoryType::DeviceNGRE,
                               MemoryType::DeviceGRE};
    if (kind < NC) return MemoryAttributes::device(types[kind]);
    MemoryAttributes result;
    result.inner = result.outer = static_cast<Cacheability>(kind - NC);
    result.shareability = kind == NC ? Shareability::OuterShareable : shareability;
    return result;
}
void expect_kind(const MemoryAttributes& found, unsigned kind) {
    const MemoryAttributes expected = attributes_of(kind);
    EXPECT_EQ(found.type, expected.type);
    if (kind < NC) return;
    EXPECT_EQ(found.inner, expected.inner);
    EXPECT_EQ(found.outer, expected.outer);
}

/// Attributes of a read through a stage 1 page with this byte of MAIR.
MemoryAttributes through_mair(u64 mair, u64 sh, const MemoryAttributes& incoming = {}) {
    TwoStageMachine machine(ste::Stage1);
    // AttrIndx 6: its byte is the third of MAIR1.
    machine.context.set(cd::MAIR0, 0).set(cd::MAIR1, mair << 16);
    machine.map(address, 0xC43 | 6 << 2 | sh << 8);
    machine.start();
    const Answer answer = machine.send(read(address).with_memory(incoming));
    EXPECT_TRUE(answer.passed());
    const Answer again = machine.send(read(address).with_memory(incoming));
    EXPECT_EQ(again.attributes.memory, answer.attributes.memory) << "a hit gives the same attributes";
    return answer.attributes.memory;
}

TEST(SmmuAttributes, MissingAttributesAreNormalWriteBackNonShareableData) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    const Answer answer = machine.send(read(address));
    EXPECT_EQ(answer.attributes.memory, attributes_of(WB));
    EXPECT_TRUE(answer.attributes.memory.read_allocate && answer.attributes.memory.write_allocate);
    EXPECT_FALSE(answer.attributes.memory.transient);
    EXPECT_FALSE(answer.attributes.privileged || answer.attributes.instruction || answer.attributes.secure);
}

// GBPA and a bypassing STE have the same fields, at other places.

struct Overrides {
    u64 mtcfg = 0, memattr = 0, shcfg = 1, alloccfg = 0, privcfg = 0, instcfg = 0;
};
Answer through_bypass(bool by_gbpa, const Overrides& fields, const Ask& ask) {
    TwoStageMachine machine(ste::Bypass);
    machine.entry.set(ste::MTCFG, fields.mtcfg).set(ste::MemAttr, fields.memattr).set(ste::SHCFG, fields.shcfg);
    machine.entry.set(ste::ALLOCCFG, fields.alloccfg).set(ste::PRIVCFG, fields.privcfg);
    machine.entry.set(ste::INSTCFG, fields.instcfg);
    machine.write32(0x44, u64{1} << 31 | fields.instcfg << 18 | fields.privcfg << 16 | fields.shcfg << 12 |
                              fields.alloccfg << 8 | fields.mtcfg << 4 | fields.memattr);
    if (by_gbpa) machine.run();
    else machine.start();
    const Answer answer = machine.send(ask);
    EXPECT_TRUE(answer.passed());
    return answer;
}

TEST(SmmuAttributes, MtcfgReplacesTheTypeByMemattr) {
    for (const bool by_gbpa : {false, true}) {
        for (u64 memattr = 0; memattr < 16; ++memattr) {
            Overrides fields;
            fields.memattr = memattr;
            EXPECT_EQ(through_bypass(by_gbpa, fields, read(address)).attributes.memory, attributes_of(WB));
            fields.mtcfg = 1;
            const MemoryAttributes found = through_bypass(by_gbpa, fields, read(address)).attributes.memory;
            // 0000 to 0011 Device; oooo = 01 NC, 10 WT, 11 WB with ii likewise; ii = 00 is reserved: Device-nGnRnE.
            MemoryAttributes expected = attributes_of(memattr < 4 ? static_cast<unsigned>(memattr) : nGnRnE);
            if (memattr >= 4 && memattr % 4 != 0) {
                expected = attributes_of(WB);
                expected.outer = static_cast<Cacheability>(memattr / 4 - 1);
                expected.inner = static_cast<Cacheability>(memattr % 4 - 1);
                if (memattr == 0b0101) expected.shareability = Shareability::OuterShareable;
            }
            expected.read_allocate = found.read_allocate;
            expected.write_allocate = found.write_allocate;
            EXPECT_EQ(found, expected) << memattr;
        }
    }
}

TEST(SmmuAttributes, ShcfgReplacesTheShareability) {
    for (const bool by_gbpa : {false, true}) {
        constexpr std::array expected{Shareability::NonShareable, Shareability::InnerShareable,
                                      Shareability::OuterShareable, Shareability::InnerShareable};
        for (u64 shcfg = 0; shcfg < 4; ++shcfg) {
            Overrides fields;
            fields.shcfg = shcfg;
            const Ask ask = read(address).with_memory(attributes_of(WB, Shareability::InnerShareable));
            EXPECT_EQ(through_bypass(by_gbpa, fields, ask).attributes.memory.shareability, expected[shcfg]) << shcfg;
        }
    }
}

TEST(SmmuAttributes, AlloccfgReplacesTheHints) {
    for (const bool by_gbpa : {false, true}) {
        MemoryAttributes incoming;
        incoming.read_allocate = true;
        incoming.write_allocate = false;
        incoming.transient = true;
        for (u64 alloccfg = 0; alloccfg < 16; ++alloccfg) {
            Overrides fields;
            fields.alloccfg = alloccfg;
            const MemoryAttributes found =
                through_bypass(by_gbpa, fields, read(address).with_memory(incoming)).attributes.memory;
            const bool replaced = alloccfg >= 8;
            EXPECT_EQ(found.read_allocate, replaced ? (alloccfg >> 2 & 1) != 0 : true) << alloccfg;
            EXPECT_EQ(found.write_allocate, replaced ? (alloccfg >> 1 & 1) != 0 : false) << alloccfg;
            EXPECT_EQ(found.transient, replaced ? (alloccfg & 1) != 0 : true) << alloccfg;
        }
    }
}

TEST(SmmuAttributes, PrivcfgAndInstcfgReplacePrivilegeAndKind) {
    for (const bool by_gbpa : {false, true}) {
        for (u64 encoding = 0; encoding < 4; ++encoding)
            for (const bool incoming : {false, true}) {
                Overrides fields;
                fields.privcfg = fields.instcfg = encoding;
                Ask ask = read(address);
                ask.privileged = ask.instruction = incoming;
                const bool expected = encoding < 2 ? incoming : encoding == 3;
                const Answer loaded = through_bypass(by_gbpa, fields, ask);
                EXPECT_EQ(loaded.attributes.privileged, expected) << encoding;
                EXPECT_EQ(loaded.attributes.instruction, expected) << encoding;
                ask.kind = support::Kind::Write;
                const Answer stored = through_bypass(by_gbpa, fields, ask);
                EXPECT_EQ(stored.attributes.privileged, expected) << encoding;
                EXPECT_FALSE(stored.attributes.instruction) << encoding;
            }
    }
}

TEST(SmmuAttributes, DeviceAndNonCacheableAreOuterShareable) {
    for (const bool by_gbpa : {false, true}) {
        for (unsigned kind = 0; kind <= NC; ++kind)
            for (const u64 shcfg : {0, 1, 3}) {
                Overrides fields;
                fields.shcfg = static_cast<u64>(shcfg);
                MemoryAttributes incoming = attributes_of(kind);
                incoming.shareability = Shareability::InnerShareable;
                const Answer answer = through_bypass(by_gbpa, fields, read(address).with_memory(incoming));
                EXPECT_EQ(answer.attributes.memory.shareability, Shareability::OuterShareable) << kind;
            }
    }
}

TEST(SmmuAttributes, SkippedStage1TakesTheOverridesOfTheEntry) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
    machine.entry.set(ste::MTCFG, 1).set(ste::MemAttr, 0b0001);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).attributes.memory, attributes_of(nGnRE));
}

// Stage 1.

TEST(SmmuAttributes, Stage1TakesTypeAndHintsFromMair) {
    for (unsigned kind = 0; kind < NC; ++kind) EXPECT_EQ(through_mair(mair_of[kind], 0), attributes_of(kind));
    const MemoryAttributes plain = through_mair(0x44, 0);
    expect_kind(plain, NC);
    EXPECT_EQ(plain.shareability, Shareability::OuterShareable);
    // 00RW write-through transient, 01RW write-back transient, 10RW write-through, 11RW write-back.
    struct Row {
        u64 mair;
        unsigned kind;
        bool read, write, transient;
    };
    for (const Row& row :
         {Row{0x11, WT, false, true, true}, Row{0x22, WT, true, false, true}, Row{0x33, WT, true, true, true},
          Row{0x55, WB, false, true, true}, Row{0x66, WB, true, false, true}, Row{0x77, WB, true, true, true},
          Row{0x88, WT, false, false, false}, Row{0x99, WT, false, true, false}, Row{0xAA, WT, true, false, false},
          Row{0xBB, WT, true, true, false}, Row{0xCC, WB, false, false, false}, Row{0xDD, WB, false, true, false},
          Row{0xEE, WB, true, false, false}, Row{0xFF, WB, true, true, false}}) {
        const MemoryAttributes found = through_mair(row.mair, 0);
        expect_kind(found, row.kind);
        EXPECT_EQ(found.read_allocate, row.read) << std::hex << row.mair;
        EXPECT_EQ(found.write_allocate, row.write) << std::hex << row.mair;
        EXPECT_EQ(found.transient, row.transient) << std::hex << row.mair;
    }
}

TEST(SmmuAttributes, MairHasTheOuterTypeInItsUpperHalf) {
    const MemoryAttributes found = through_mair(0x4F, 0);  // outer NC, inner WB
    EXPECT_EQ(found.outer, Cacheability::NonCacheable);
    EXPECT_EQ(found.inner, Cacheability::WriteBack);
    const MemoryAttributes other = through_mair(0xB4, 0);  // outer WT, inner NC
    EXPECT_EQ(other.outer, Cacheability::WriteThrough);
    EXPECT_EQ(other.inner, Cacheability::NonCacheable);
}

TEST(SmmuAttributes, Stage1TakesTheShareabilityOfTheDescriptor) {
    EXPECT_EQ(through_mair(0xFF, 0b00).shareability, Shareability::NonShareable);
    EXPECT_EQ(through_mair(0xFF, 0b01).shareability, Shareability::NonShareable) << "reserved: as 00";
    EXPECT_EQ(through_mair(0xFF, 0b10).shareability, Shareability::OuterShareable);
    EXPECT_EQ(through_mair(0xFF, 0b11).shareability, Shareability::InnerShareable);
}

TEST(SmmuAttributes, DeviceAndNonCacheableOfStage1AreOuterShareable) {
    for (unsigned kind = 0; kind <= NC; ++kind)
        EXPECT_EQ(through_mair(mair_of[kind], 0b11).shareability, Shareability::OuterShareable) << kind;
}

TEST(SmmuAttributes, IncomingHintsTakePartIfTheIncomingTypeIsCacheable) {
    MemoryAttributes incoming;
    incoming.read_allocate = false;
    EXPECT_FALSE(through_mair(0xFF, 0, incoming).read_allocate) << "no-allocate beats allocate";
    EXPECT_TRUE(through_mair(0xFF, 0, incoming).write_allocate);
    EXPECT_FALSE(through_mair(0xDD, 0).read_allocate) << "on either side";
    incoming = {};
    incoming.transient = true;
    EXPECT_TRUE(through_mair(0xFF, 0, incoming).transient) << "transient beats non-transient";
    EXPECT_TRUE(through_mair(0x77, 0).transient) << "on either side";
    incoming = attributes_of(NC);
    incoming.read_allocate = incoming.write_allocate = false;
    incoming.transient = true;
    EXPECT_EQ(through_mair(0xFF, 0, incoming), attributes_of(WB));
    EXPECT_EQ(through_mair(0xFF, 0, MemoryAttributes::device()), attributes_of(WB));
}

TEST(SmmuAttributes, Stage1ReplacesTheIncomingTypeWhateverTheEntrySays) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::MTCFG, 1).set(ste::MemAttr, 0b0000).set(ste::SHCFG, 2);
    machine.map(address, 0xC43);  // MAIR 0xFF, NSH
    machine.start();
    const Answer answer = machine.send(read(address));
    EXPECT_EQ(answer.attributes.memory, attributes_of(WB));
}

TEST(SmmuAttributes, TranslatedTransactionsCarryPrivilegeAndKindAfterOverrides) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::PRIVCFG, 3).set(ste::INSTCFG, 3);
    machine.map(address, 0xFC3);  // AP 11: read-only, executable
    machine.start();
    for (const char* when : {"on a walk", "on a hit"}) {
        const Answer answer = machine.send(read(address));
        EXPECT_TRUE(answer.attributes.privileged && answer.attributes.instruction) << when;
    }
}

// Stage 2.

/// Attributes through both stages: MAIR and SH of stage 1, MemAttr and SH of stage 2.
MemoryAttributes through_both(u64 mair, u64 first_sh, u64 memattr, u64 second_sh, bool fwb = false) {
    TwoStageMachine machine;
    machine.entry.set(ste::S2FWB, fwb);
    machine.context.set(cd::MAIR0, mair);
    // Tables and CD are mapped Normal in either encoding: 0b0110 is inner WB, outer NC, or forced WB.
    for (const u64 own :
         {TwoStageMachine::first_root, TwoStageMachine::first_root + 0x10'0000, TwoStageMachine::first_root + 0x10'1000,
          TwoStageMachine::first_root + 0x10'2000, TwoStageMachine::cd_address})
        machine.put_second(own, 3, (own + TwoStageMachine::storage) | 0x7C3 | 0b0110 << 2);
    machine.map(address, 0xC43 | first_sh << 8, 0x4C3 | memattr << 2 | second_sh << 8);
    machine.start();
    const Answer answer = machine.send(read(address));
    EXPECT_TRUE(answer.passed());
    return answer.attributes.memory;
}

TEST(SmmuAttributes, TheStrongerTypeOfBothStagesWins) {
    for (unsigned first = 0; first < 7; ++first)
        for (unsigned second = 0; second < 7; ++second)
            expect_kind(through_both(mair_of[first], 0, memattr_of[second], 0), std::min(first, second));
}

TEST(SmmuAttributes, InnerAndOuterCacheabilityAreCombinedSeparately) {
    // Stage 1: outer WB, inner NC; stage 2: outer WT, inner WB.
    const MemoryAttributes found = through_both(0xF4, 0, 0b1011, 0);
    EXPECT_EQ(found.outer, Cacheability::WriteThrough);
    EXPECT_EQ(found.inner, Cacheability::NonCacheable);
}

TEST(SmmuAttributes, TheStrongerShareabilityOfBothStagesWins) {
    for (unsigned first = 0; first < 3; ++first)
        for (unsigned second = 0; second < 3; ++second)
            EXPECT_EQ(through_both(0xFF, sh_of[first], 0b1111, sh_of[second]).shareability,
                      static_cast<Shareability>(std::max(first, second)));
}

TEST(SmmuAttributes, CombinedDeviceAndNonCacheableAreOuterShareable) {
    EXPECT_EQ(through_both(0xFF, 0, 0b0001, 0), attributes_of(nGnRE));
    EXPECT_EQ(through_both(0x44, 0, 0b1111, 0).shareability, Shareability::OuterShareable);
    EXPECT_EQ(through_both(0xFF, 0, 0b0101, 0).shareability, Shareability::OuterShareable);
    EXPECT_EQ(through_both(0xF4, 0, 0b0111, 0).shareability, Shareability::OuterShareable) << "NC by combination";
}

TEST(SmmuAttributes, Stage2AloneCombinesWithTheTypeOfTheEntry) {
    for (const bool replaced : {false, true})
        for (unsigned second = 0; second < 7; ++second) {
            TwoStageMachine machine(ste::Stage2);
            machine.entry.set(ste::MTCFG, replaced).set(ste::MemAttr, memattr_of[GRE]);
            machine.map(address, 0, 0x4C3 | memattr_of[second] << 2);
            machine.start();
            const Answer answer = machine.send(read(address).with_memory(attributes_of(WT)));
            expect_kind(answer.attributes.memory, std::min<unsigned>(replaced ? GRE : WT, second));
        }
}

TEST(SmmuAttributes, Stage2AloneCombinesWithTheShareabilityAndHintsOfTheEntry) {
    for (u64 shcfg = 0; shcfg < 4; ++shcfg)
        for (unsigned second = 0; second < 3; ++second) {
            TwoStageMachine machine(ste::Stage2);
            machine.entry.set(ste::SHCFG, shcfg).set(ste::ALLOCCFG, 0b1101);
            machine.map(address, 0, 0x4C3 | 0b1111 << 2 | sh_of[second] << 8);
            machine.start();
            const MemoryAttributes found =
                machine.send(read(address).with_memory(attributes_of(WB, Shareability::InnerShareable)))
                    .attributes.memory;
            constexpr std::array first{0u, 1u, 2u, 1u};  // NSH, incoming ISH, OSH, ISH
            EXPECT_EQ(found.shareability, static_cast<Shareability>(std::max(first[shcfg], second)));
            EXPECT_TRUE(found.read_allocate);
            EXPECT_FALSE(found.write_allocate);
            EXPECT_TRUE(found.transient);
        }
}

TEST(SmmuAttributes, FwbForcesTypesAsItsEncodingSays) {
    for (unsigned first = 0; first < 7; ++first) {
        // 0xx: Device of that type, combined with stage 1.
        for (unsigned device = 0; device < 4; ++device)
            expect_kind(through_both(mair_of[first], 0, device, 0, true), std::min(first, device));
        // 101: Normal NC, but Device of stage 1 stays; 110: write-back always; 111: stage 1 unchanged.
        expect_kind(through_both(mair_of[first], 0, 0b101, 0, true), std::min<unsigned>(first, NC));
        expect_kind(through_both(mair_of[first], 0, 0b110, 0, true), WB);
        expect_kind(through_both(mair_of[first], 0, 0b111, 0, true), first);
    }
}

TEST(SmmuAttributes, With52BitDescriptorsTheShareabilityComesFromTheStructures) {
    for (unsigned first = 0; first < 3; ++first)
        for (unsigned second = 0; second < 3; ++second) {
            TwoStageMachine machine = TwoStageMachine::make(ste::Nested, [](spec::Identification& id) {
                id.idr5.OAS = 6;
                id.idr5.DS = 1;
            });
            machine.context.set(cd::DS, 1).set(cd::SH0, sh_of[first]);
            machine.entry.set(ste::S2DS, 1).set(ste::S2SH0, sh_of[second]);
            for (const u64 own : {TwoStageMachine::first_root, TwoStageMachine::first_root + 0x10'0000,
                                  TwoStageMachine::first_root + 0x10'1000, TwoStageMachine::first_root + 0x10'2000,
                                  TwoStageMachine::cd_address})
                machine.put_second(own, 3, (own + TwoStageMachine::storage) | 0x4FF);
            machine.map(address, 0xC43, 0x4FF);
            machine.start();
            EXPECT_EQ(machine.send(read(address)).attributes.memory.shareability,
                      static_cast<Shareability>(std::max(first, second)));
        }
}

}  // namespace
}  // namespace smmusim::test::chapter7_attributes
