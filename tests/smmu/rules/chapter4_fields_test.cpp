// What the fields of a legal context descriptor do, and how faults end.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter4_fields {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;
using sim::Cacheability;
using sim::Shareability;
using Change = RuleMachine::Change;

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova;
constexpr u64 attributes = RuleMachine::page_attributes;
constexpr u64 access_flag = 1 << 10;
constexpr u64 upper_iova = 0xFFFF'0000'0000'0000 | iova;

/// A stage 1 stream with a changed descriptor; `iova` maps to `page`, its upper mirror to the page after.
struct Descriptor : RuleMachine {
    explicit Descriptor(const std::function<void(CdBuilder&)>& modify, const Change& change = {}, u64 leaf = attributes)
        : RuleMachine(change), lower(table()), upper(table()) {
        put_ste(stage1_ste());
        CdBuilder descriptor = stage1_cd(lower);
        descriptor.set(cd::T1SZ, 16).set(cd::TG1, 0b10).set(cd::TTB1, upper);
        modify(descriptor);
        put_cd(descriptor);
        map(lower, iova, page, leaf);
        map(upper, iova, page + 0x1000, leaf);
        bring_up();
        memory.log.clear();
    }
    sim::MemoryAttributes first_walk_read() {
        for (const auto& entry : memory.log)
            if (entry.attributes.transaction_class == sim::TransactionClass::TableWalk) return entry.attributes.memory;
        ADD_FAILURE() << "no walk";
        return {};
    }
    u64 lower, upper;
};

TEST(SmmuCdFields, T0szAndT1szBoundTheHalves) {
    // 39 bits from level 1: the level 1 table of the tree is found through entry 0.
    Descriptor machine([](CdBuilder& d) { d.set(cd::EPD1, 0).set(cd::T0SZ, 25).set(cd::T1SZ, 25); });
    const u64 lower = machine.memory.u64_at(machine.lower) & ~u64{0xFFF};
    const u64 upper = machine.memory.u64_at(machine.upper) & ~u64{0xFFF};
    machine.put_cd(RuleMachine::stage1_cd(lower)
                       .set(cd::EPD1, 0)
                       .set(cd::T0SZ, 25)
                       .set(cd::T1SZ, 25)
                       .set(cd::TG1, 0b10)
                       .set(cd::TTB1, upper));
    EXPECT_EQ(machine.read(iova).address, page);
    EXPECT_EQ(machine.read(0xFFFF'FF80'0000'0000 | iova).address, page + 0x1000);
    EXPECT_EQ(machine.events(), 0u);
    EXPECT_TRUE(machine.read(u64{1} << 39 | iova).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    EXPECT_TRUE(machine.read(0xFFFF'FF00'0000'0000 | iova).aborted());
    EXPECT_EQ(machine.record(1).get(bits::event::number), bits::event::F_TRANSLATION);
}

TEST(SmmuCdFields, Tg0AndTg1SelectGranulesByDifferentEncodings) {
    struct Case {
        u64 tg0, tg1;
        unsigned shift;  ///< of the level 2 index
        u64 size_field;  ///< start at level 2
    };
    for (const auto& [tg0, tg1, shift, size_field] :
         {Case{0b00, 0b10, 21, 34}, Case{0b10, 0b01, 25, 28}, Case{0b01, 0b11, 29, 25}}) {
        Descriptor machine([&](CdBuilder& d) {
            d.set(cd::EPD1, 0).set(cd::TG0, tg0).set(cd::TG1, tg1).set(cd::T0SZ, size_field).set(cd::T1SZ, size_field);
            d.set(cd::TTB0, RuleMachine::stage2_root).set(cd::TTB1, RuleMachine::stage2_root + 0x1'0000);
        });
        const u64 block = page & ~((u64{1} << shift) - 1);
        machine.memory.put(RuleMachine::stage2_root + 8, block | (attributes & ~u64{2}));
        machine.memory.put(RuleMachine::stage2_root + 0x1'0000 + 8, block | (attributes & ~u64{2}));
        const u64 input = u64{1} << shift | 0x18;
        EXPECT_EQ(machine.read(input).address, block | 0x18) << shift;
        const u64 high = ~u64{0} << (64 - size_field);
        EXPECT_EQ(machine.read(high | input).address, block | 0x18) << shift;
    }
}

TEST(SmmuCdFields, Ir0Or0AndSh0GiveTheAttributesOfLowerWalksIr1Or1AndSh1OfUpperOnes) {
    const auto modify = [](CdBuilder& d) {
        d.set(cd::EPD1, 0).set(cd::IR0, 0b10).set(cd::OR0, 0b01).set(cd::SH0, 0b11);
        d.set(cd::IR1, 0b11).set(cd::OR1, 0b10).set(cd::SH1, 0b10);
    };
    Descriptor machine(modify);
    ASSERT_TRUE(machine.read(iova).passed());
    EXPECT_EQ(machine.first_walk_read().inner, Cacheability::WriteThrough);
    EXPECT_EQ(machine.first_walk_read().outer, Cacheability::WriteBack);
    EXPECT_EQ(machine.first_walk_read().shareability, Shareability::InnerShareable);
    machine.memory.log.clear();
    ASSERT_TRUE(machine.read(upper_iova).passed());
    EXPECT_EQ(machine.first_walk_read().inner, Cacheability::WriteBack);
    EXPECT_EQ(machine.first_walk_read().outer, Cacheability::WriteThrough);
    EXPECT_EQ(machine.first_walk_read().shareability, Shareability::OuterShareable);
}

TEST(SmmuCdFields, EpdRefusesWalksOfItsHalf) {
    for (const bool first : {false, true}) {
        Descriptor machine([&](CdBuilder& d) { d.set(cd::EPD0, first).set(cd::EPD1, !first); });
        EXPECT_EQ(machine.read(iova).passed(), !first);
        EXPECT_EQ(machine.read(upper_iova).passed(), first);
        EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
        EXPECT_EQ(machine.memory.reads(first ? machine.lower : machine.upper, 0x1000), 0u);
    }
}

TEST(SmmuCdFields, EndiReadsBigEndianTables) {
    Descriptor machine([](CdBuilder& d) { d.set(cd::ENDI, 1).set(cd::T0SZ, 34); },
                       [](spec::Identification& id) { id.idr0.TTENDIAN = 0; });
    machine.memory.put(machine.lower + 8, __builtin_bswap64((page & ~u64{0x1F'FFFF}) | (attributes & ~u64{2})));
    EXPECT_EQ(machine.read(u64{1} << 21).address, page & ~u64{0x1F'FFFF});
}

TEST(SmmuCdFields, IpsBoundsTheOutput) {
    Descriptor machine([](CdBuilder& d) { d.set(cd::IPS, 0); });  // 32 bits
    machine.map(machine.lower, iova + 0x1000, u64{1} << 32, attributes);
    EXPECT_TRUE(machine.read(iova).passed());
    EXPECT_TRUE(machine.read(iova + 0x1000).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_ADDR_SIZE);
}

TEST(SmmuCdFields, IpsIsCappedByTheOutputSize) {
    Descriptor machine([](CdBuilder& d) { d.set(cd::IPS, 5); }, [](spec::Identification& id) { id.idr5.OAS = 1; });
    machine.map(machine.lower, iova + 0x1000, u64{1} << 36, attributes);
    EXPECT_TRUE(machine.read(iova).passed());
    EXPECT_TRUE(machine.read(iova + 0x1000).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_ADDR_SIZE);
}

TEST(SmmuCdFields, AffdIgnoresAClearAccessFlag) {
    for (const bool affd : {false, true}) {
        Descriptor machine([&](CdBuilder& d) { d.set(cd::AFFD, affd); }, {}, attributes & ~access_flag);
        EXPECT_EQ(machine.read(iova).passed(), affd);
        EXPECT_EQ(machine.only_event(), affd ? RuleMachine::no_event : bits::event::F_ACCESS);
    }
}

TEST(SmmuCdFields, WxnForbidsExecutionOfWritablePages) {
    for (const bool wxn : {false, true}) {
        Descriptor machine([&](CdBuilder& d) { d.set(cd::WXN, wxn); });
        EXPECT_EQ(machine.read(iova, {.instruction = true}).passed(), !wxn);
        EXPECT_EQ(machine.only_event(), wxn ? bits::event::F_PERMISSION : RuleMachine::no_event);
    }
}

TEST(SmmuCdFields, TbiIgnoresTheTopByteOfItsHalf) {
    constexpr u64 tag = u64{0x5A} << 56, upper_tagged = (upper_iova & ~(u64{0xFF} << 56)) | tag;
    for (const bool first : {false, true}) {
        Descriptor machine([&](CdBuilder& d) { d.set(cd::EPD1, 0).set(cd::TBI0, first).set(cd::TBI1, !first); });
        EXPECT_EQ(machine.read(tag | iova).passed(), first);
        EXPECT_EQ(machine.read(upper_tagged).passed(), !first);
        EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    }
}

TEST(SmmuCdFields, PanForbidsPrivilegedDataAccessToUnprivilegedPages) {
    for (const bool pan : {false, true}) {
        Descriptor machine([&](CdBuilder& d) { d.set(cd::PAN, pan); });
        EXPECT_EQ(machine.read(iova, {.privileged = true}).passed(), !pan);
        EXPECT_TRUE(machine.read(iova).passed());
    }
}

TEST(SmmuCdFields, EpanForbidsItWhereUnprivilegedCodeMayRun) {
    constexpr u64 execute_only = attributes & ~u64{1 << 6};  // AP[1] = 0, UXN = 0
    for (const bool implemented : {false, true}) {
        Descriptor machine([](CdBuilder& d) { d.set(cd::PAN, 1).set(cd::EPAN, 1); },
                           [&](spec::Identification& id) { id.idr3.EPAN = implemented; }, execute_only);
        EXPECT_EQ(machine.read(iova, {.privileged = true}).passed(), !implemented);
    }
}

TEST(SmmuCdFields, HaSetsTheAccessFlagAndHdTheDirtyState) {
    constexpr u64 read_only = 1 << 7, dirty_bit_modifier = u64{1} << 51;
    const u64 clean = (attributes & ~access_flag) | read_only | dirty_bit_modifier;
    Descriptor machine([](CdBuilder& d) { d.set(cd::HA, 1).set(cd::HD, 1); }, {}, clean);
    const u64 leaf = machine.leaf_address(machine.lower, iova);
    EXPECT_TRUE(machine.read(iova).passed());
    EXPECT_EQ(machine.memory.u64_at(leaf), page | clean | access_flag);
    EXPECT_TRUE(machine.write(iova).passed());
    EXPECT_EQ(machine.memory.u64_at(leaf), page | ((clean | access_flag) & ~read_only));

    Descriptor without([](CdBuilder& d) { d.set(cd::HD, 1); }, {}, clean);  // acts as neither
    EXPECT_TRUE(without.read(iova).aborted());
    EXPECT_EQ(without.only_event(), bits::event::F_ACCESS);
}

TEST(SmmuCdFields, AsetChangesNothingForCommands) {
    // Not shared with processors: there is no broadcast that would ask.
    Descriptor machine([](CdBuilder& d) { d.set(cd::ASET, 1); });
    ASSERT_TRUE(machine.read(iova).passed());
    machine.command(cmd::tlbi_nh_asid(0, 1));
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_FALSE(machine.cached(iova));
}

TEST(SmmuCdFields, HadIgnoresTheAttributesOfTables) {
    constexpr u64 table_read_only = u64{1} << 62;
    for (const bool had : {false, true}) {
        Descriptor machine([&](CdBuilder& d) { d.set(cd::EPD1, 0).set(cd::HAD0, had).set(cd::HAD1, !had); });
        for (const u64 root : {machine.lower, machine.upper})
            machine.memory.put(root, machine.memory.u64_at(root) | table_read_only);
        EXPECT_EQ(machine.write(iova).passed(), had);
        EXPECT_EQ(machine.write(upper_iova).passed(), !had);
    }
}

TEST(SmmuCdFields, E0pdRefusesUnprivilegedAccessToItsHalf) {
    for (const bool first : {false, true}) {
        Descriptor machine([&](CdBuilder& d) { d.set(cd::EPD1, 0).set(cd::E0PD0, first).set(cd::E0PD1, !first); },
                           [](spec::Identification& id) { id.idr3.E0PD = 1; });
        EXPECT_EQ(machine.read(iova).passed(), !first);
        EXPECT_EQ(machine.read(upper_iova).passed(), first);
        EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
        EXPECT_TRUE(machine.read(iova, {.privileged = true}).passed());
    }
    Descriptor without([](CdBuilder& d) { d.set(cd::E0PD0, 1); }, [](spec::Identification& id) { id.idr3.E0PD = 0; });
    EXPECT_TRUE(without.read(iova).passed());
}

TEST(SmmuCdFields, TtbIsAlignedDownToTheStartTable) {
    Descriptor machine([](CdBuilder& d) { d.set(cd::TTB0, d.get(cd::TTB0) | 0xFF0); });
    EXPECT_EQ(machine.read(iova).address, page);
}

TEST(SmmuCdFields, DsPutsUpperAddressBitsWhereShareabilityWas) {
    Descriptor machine([](CdBuilder& d) { d.set(cd::DS, 1).set(cd::IPS, 6).set(cd::SH0, 0b11); },
                       [](spec::Identification& id) {
                           id.idr5.OAS = 6;
                           id.idr5.DS = 1;
                       },
                       (attributes & ~u64{0x300}) | 0x100);  // bits 9:8 are address bits 51:50
    const Answer answer = machine.read(iova);
    EXPECT_EQ(answer.address, u64{1} << 50 | page);
    EXPECT_EQ(answer.attributes.memory.shareability, Shareability::InnerShareable) << "of SH0";
}

TEST(SmmuCdFields, MairHasOneByteForEachAttributeIndex) {
    for (u64 index = 0; index < 8; ++index) {
        Descriptor machine(
            [&](CdBuilder& d) {
                d.set(cd::MAIR0, 0xFFFF'FFFF).set(cd::MAIR1, 0xFFFF'FFFF);
                d.set({192 + 8 * static_cast<unsigned>(index) + 7, 192 + 8 * static_cast<unsigned>(index)}, 0x04);
            },
            {}, attributes | index << 2);
        EXPECT_EQ(machine.read(iova).attributes.memory.type, sim::MemoryType::DeviceNGnRE) << index;
    }
}

TEST(SmmuCdFields, FieldsOfAbsentFeaturesAreIgnored) {
    // UWXN 37 (of VMSAv8-32), NSCFG0 64, HAFT 67, PnCH 122, HWU0 127:124, NSCFG1 128, AIE 131, PIE 187, HWU1 191:188,
    // AMAIR 319:256, implementation defined and partitions 375:320, PIIU and PIIP 511:384.
    Descriptor machine([](CdBuilder& d) {
        for (const bits::Field field :
             {bits::Field{37, 37}, bits::Field{64, 64}, bits::Field{67, 67}, bits::Field{122, 122},
              bits::Field{127, 124}, bits::Field{128, 128}, bits::Field{131, 131}, bits::Field{187, 187},
              bits::Field{191, 188}, bits::Field{319, 256}, bits::Field{383, 320}, bits::Field{447, 384},
              bits::Field{511, 448}})
            d.set(field, ~u64{0});
    });
    EXPECT_EQ(machine.read(iova).address, page);
    EXPECT_EQ(machine.read(iova, {.privileged = true}).address, page);
    EXPECT_EQ(machine.events(), 0u);
}

// Fault behaviour flags.

TEST(SmmuFaultFlags, Stage1AbortsWithAAndRecordsWithR) {
    for (const bool a : {false, true})
        for (const bool r : {false, true}) {
            Descriptor machine([&](CdBuilder& d) { d.set(cd::A, a).set(cd::R, r); });
            const Answer answer = machine.read(iova + 0x1000);
            EXPECT_EQ(answer.aborted(), a);
            EXPECT_EQ(answer.discarded(), !a);
            if (!a) {
                EXPECT_EQ(answer.data, 0u) << "reads as zero";
            }
            EXPECT_EQ(machine.only_event(), r ? bits::event::F_TRANSLATION : RuleMachine::no_event);
        }
}

TEST(SmmuFaultFlags, DiscardedWritesGoNowhere) {
    Descriptor machine([](CdBuilder& d) { d.set(cd::A, 0); });
    EXPECT_TRUE(machine.write(iova + 0x1000).discarded());
    EXPECT_EQ(machine.memory.count(sim::Command::Write, page, 0x10'0000), 0u);
}

TEST(SmmuFaultFlags, EveryKindOfTranslationFaultFollowsThem) {
    constexpr u64 read_only = 1 << 7;
    struct Case {
        u64 leaf;
        u64 event;
    };
    for (const auto& [leaf, event] :
         {Case{attributes & ~access_flag, bits::event::F_ACCESS},
          Case{attributes | read_only, bits::event::F_PERMISSION},
          Case{attributes | u64{1} << 47, bits::event::F_ADDR_SIZE}, Case{0, bits::event::F_TRANSLATION}}) {
        for (const bool a : {false, true}) {
            Descriptor machine([&](CdBuilder& d) { d.set(cd::A, a).set(cd::IPS, 4); }, {}, leaf);
            const Answer answer = machine.write(iova);
            EXPECT_EQ(answer.aborted(), a) << event;
            EXPECT_EQ(answer.discarded(), !a) << event;
            EXPECT_EQ(machine.only_event(), event);
        }
    }
}

TEST(SmmuFaultFlags, Stage2AbortsAndRecordsWithS2r) {
    for (const bool record : {false, true}) {
        RuleMachine machine;
        const u64 root = machine.set_up_nested();
        machine.put_ste(RuleMachine::nested_ste().set(ste::S2R, record));
        machine.put_cd(RuleMachine::stage1_cd(root).set(cd::A, 0).set(cd::R, !record));  // of the other stage
        machine.map(root, iova, u64{5} << 30, attributes);
        machine.bring_up();
        EXPECT_TRUE(machine.read(iova).aborted());
        EXPECT_EQ(machine.only_event(), record ? bits::event::F_TRANSLATION : RuleMachine::no_event);
    }
}

TEST(SmmuFaultFlags, EverythingElseAbortsAndIsRecorded) {
    const auto quiet = [](CdBuilder& d) { d.set(cd::A, 0).set(cd::R, 0); };
    Descriptor walk(quiet);
    walk.memory.fail(walk.leaf_address(walk.lower, iova), 8);
    EXPECT_TRUE(walk.read(iova).aborted());
    EXPECT_EQ(walk.only_event(), bits::event::F_WALK_EABT);

    Descriptor fetch(quiet);
    fetch.memory.fail(SmmuMachine::cds, 64);
    EXPECT_TRUE(fetch.read(iova).aborted());
    EXPECT_EQ(fetch.only_event(), bits::event::F_CD_FETCH);

    Descriptor invalid([](CdBuilder& d) { d.set(cd::A, 0).set(cd::R, 0).set(cd::V, 0); });
    EXPECT_TRUE(invalid.read(iova).aborted());
    EXPECT_EQ(invalid.only_event(), bits::event::C_BAD_CD);

    RuleMachine bypass;
    bypass.put_ste(RuleMachine::bypass_ste());
    bypass.bring_up();
    EXPECT_TRUE(bypass.read(u64{1} << 50).aborted());
    EXPECT_EQ(bypass.only_event(), bits::event::F_ADDR_SIZE);
}

TEST(SmmuFaultFlags, FaultOfTheDescriptorFetchFollowsStage2) {
    for (const bool record : {false, true}) {
        RuleMachine machine;
        machine.set_up_nested();
        machine.put_ste(RuleMachine::nested_ste().set(ste::S2R, record).set(ste::S1ContextPtr, u64{5} << 30));
        machine.bring_up();
        EXPECT_TRUE(machine.read(iova).aborted());
        EXPECT_EQ(machine.only_event(), record ? bits::event::F_TRANSLATION : RuleMachine::no_event);
    }
}

TEST(SmmuFaultFlags, SpeculativeReadsAbortWithoutARecordAndWritesAbort) {
    Descriptor machine([](CdBuilder& d) { d.set(cd::S, 1); });
    const auto speculate = [&](sim::Command command, u64 address) {
        Client client(machine.simulation);
        client.access = machine.simulation.accesses().make(command, address, 8);
        client.access->attributes.stream_id = client.access->attributes.requester_id = RuleMachine::stream;
        client.access->attributes.speculative = true;
        client.access->push(client);
        machine.smmu.tbu(0).receive(*client.access, machine.simulation.now());
        machine.run();
        EXPECT_TRUE(client.done);
        return client.access->status;
    };
    EXPECT_EQ(speculate(sim::Command::Read, iova), sim::Status::Ok);
    EXPECT_EQ(speculate(sim::Command::Read, iova + 0x1000), sim::Status::CompleterAbort);
    EXPECT_EQ(speculate(sim::Command::Write, iova), sim::Status::CompleterAbort);
    EXPECT_EQ(machine.events(), 0u);
    EXPECT_EQ(machine.smmu.stalled(), 0u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter4_fields
