// The ID registers: each field at its bits.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_identification {
namespace {

struct IdField {
    const char* name;
    u64 offset;
    unsigned high;
    unsigned low;
    u8& (*field)(spec::Identification&);
    u8 first;
    u8 second;
};
void PrintTo(const IdField& field, std::ostream* out) { *out << field.name; }

class IdentificationField : public testing::TestWithParam<IdField> {
protected:
    static u64 value(u8 content) {
        const IdField& field = GetParam();
        return RuleMachine([&](spec::Identification& id) { field.field(id) = content; }).read32(field.offset);
    }
};

TEST_P(IdentificationField, IsReadAtItsBitsAndNowhereElse) {
    const IdField& field = GetParam();
    const u64 mask = ((u64{1} << (field.high - field.low + 1)) - 1) << field.low;
    const u64 first = value(field.first), second = value(field.second);
    EXPECT_EQ(first & mask, u64{field.first} << field.low);
    EXPECT_EQ(second & mask, u64{field.second} << field.low);
    EXPECT_EQ(first & ~mask, second & ~mask);
}

#define FIELD(REGISTER, NAME, OFFSET, HIGH, LOW, FIRST, SECOND)                              \
    IdField {                                                                                \
#REGISTER "." #NAME, OFFSET, HIGH, LOW,                                              \
            [](spec::Identification & id) -> u8& { return id.REGISTER.NAME; }, FIRST, SECOND \
    }

INSTANTIATE_TEST_SUITE_P(Idr0, IdentificationField,
                         testing::Values(FIELD(idr0, S2P, 0x00, 0, 0, 0, 1), FIELD(idr0, S1P, 0x00, 1, 1, 0, 1),
                                         FIELD(idr0, COHACC, 0x00, 4, 4, 0, 1), FIELD(idr0, Hyp, 0x00, 9, 9, 0, 1),
                                         FIELD(idr0, ASID16, 0x00, 12, 12, 0, 1), FIELD(idr0, VMW, 0x00, 17, 17, 0, 1),
                                         FIELD(idr0, VMID16, 0x00, 18, 18, 0, 1), FIELD(idr0, CD2L, 0x00, 19, 19, 0, 1),
                                         FIELD(idr0, TTENDIAN, 0x00, 22, 21, 0, 3),
                                         FIELD(idr0, TERM_MODEL, 0x00, 26, 26, 0, 1),
                                         FIELD(idr0, HTTU, 0x00, 7, 6, 0, 2), FIELD(idr0, DORMHINT, 0x00, 8, 8, 0, 1),
                                         FIELD(idr0, ATS, 0x00, 10, 10, 0, 1), FIELD(idr0, NS1ATS, 0x00, 11, 11, 0, 1),
                                         FIELD(idr0, MSI, 0x00, 13, 13, 0, 1), FIELD(idr0, SEV, 0x00, 14, 14, 0, 1),
                                         FIELD(idr0, ATOS, 0x00, 15, 15, 0, 1), FIELD(idr0, PRI, 0x00, 16, 16, 0, 1),
                                         FIELD(idr0, ATSRECERR, 0x00, 23, 23, 0, 1),
                                         FIELD(idr0, ST_LEVEL, 0x00, 28, 27, 0, 1)));
INSTANTIATE_TEST_SUITE_P(
    Idr1, IdentificationField,
    testing::Values(FIELD(idr1, ATTR_TYPES_OVR, 0x04, 27, 27, 0, 1), FIELD(idr1, ATTR_PERMS_OVR, 0x04, 26, 26, 0, 1),
                    FIELD(idr1, CMDQS, 0x04, 25, 21, 3, 19), FIELD(idr1, EVENTQS, 0x04, 20, 16, 3, 19),
                    FIELD(idr1, SSIDSIZE, 0x04, 10, 6, 0, 20), FIELD(idr1, SIDSIZE, 0x04, 5, 0, 8, 32)));
INSTANTIATE_TEST_SUITE_P(Idr3, IdentificationField,
                         testing::Values(FIELD(idr3, HAD, 0x0C, 2, 2, 0, 1), FIELD(idr3, XNX, 0x0C, 4, 4, 0, 1),
                                         FIELD(idr3, FWB, 0x0C, 8, 8, 0, 1), FIELD(idr3, STT, 0x0C, 9, 9, 0, 1),
                                         FIELD(idr3, RIL, 0x0C, 10, 10, 0, 1), FIELD(idr3, BBML, 0x0C, 12, 11, 0, 2),
                                         FIELD(idr3, PPS, 0x0C, 5, 5, 0, 1), FIELD(idr3, E0PD, 0x0C, 13, 13, 0, 1),
                                         FIELD(idr3, PTWNNC, 0x0C, 14, 14, 0, 1),
                                         FIELD(idr3, EPAN, 0x0C, 17, 17, 0, 1)));
INSTANTIATE_TEST_SUITE_P(Idr5, IdentificationField,
                         testing::Values(FIELD(idr5, OAS, 0x14, 2, 0, 0, 6), FIELD(idr5, GRAN4K, 0x14, 4, 4, 0, 1),
                                         FIELD(idr5, GRAN16K, 0x14, 5, 5, 0, 1), FIELD(idr5, GRAN64K, 0x14, 6, 6, 0, 1),
                                         FIELD(idr5, DS, 0x14, 7, 7, 0, 1), FIELD(idr5, VAX, 0x14, 11, 10, 0, 1)));
INSTANTIATE_TEST_SUITE_P(Aidr, IdentificationField, testing::Values(FIELD(aidr, ArchMinorRev, 0x1C, 3, 0, 1, 3)));

#undef FIELD

u64 field_of(RuleMachine& machine, u64 offset, unsigned high, unsigned low) {
    return machine.read32(offset) >> low & ((u64{1} << (high - low + 1)) - 1);
}

TEST(SmmuIdentification, OnlyVmsaV8_64TablesAreAnnounced) {
    RuleMachine machine;
    EXPECT_EQ(field_of(machine, 0x00, 3, 2), 0b10u);
}

TEST(SmmuIdentification, AbsentFeaturesReadZero) {
    RuleMachine machine;
    EXPECT_EQ(field_of(machine, 0x00, 31, 29), 0u) << "RME_IMPL and reserved bits";
    EXPECT_EQ(field_of(machine, 0x00, 20, 20), 0u) << "VATOS";
    EXPECT_EQ(field_of(machine, 0x00, 5, 5), 0u) << "BTM";
    EXPECT_EQ(field_of(machine, 0x04, 31, 28), 0u) << "ECMDQ, TABLES_PRESET, QUEUES_PRESET, REL";
    EXPECT_EQ(machine.read32(0x08), 0u) << "BA_VATOS";
    EXPECT_EQ(field_of(machine, 0x0C, 3, 3), 0u) << "PBHA";
    EXPECT_EQ(field_of(machine, 0x0C, 7, 7), 0u) << "MPAM";
    EXPECT_EQ(field_of(machine, 0x0C, 15, 15), 0u) << "DPT";
    EXPECT_EQ(field_of(machine, 0x0C, 20, 18), 0u) << "S1PI, S2PI, S2PO";
    EXPECT_EQ(field_of(machine, 0x0C, 23, 21), 0u) << "THE, MTEPERM, AIE";
    EXPECT_EQ(field_of(machine, 0x14, 8, 8), 0u) << "D128";
    EXPECT_EQ(machine.read32(0x190), 0u) << "IDR6";
}

TEST(SmmuIdentification, StatusSaysDormantWhenNothingIsCached) {
    for (const u8 hint : {0, 1}) {
        RuleMachine machine([hint](spec::Identification& id) { id.idr0.DORMHINT = hint; });
        EXPECT_EQ(machine.read32(0x40), hint) << "cold";
        machine.set_up_stage1();
        machine.bring_up();
        ASSERT_TRUE(machine.read(RuleMachine::iova).passed());
        EXPECT_EQ(machine.read32(0x40), 0u);
        machine.command(cmd::cfgi_all, 31);
        machine.command(cmd::tlbi_nsnh_all);
        machine.command(cmd::sync);
        machine.run_commands();
        EXPECT_EQ(machine.read32(0x40), hint) << "all invalidated";
    }
}

TEST(SmmuIdentification, NamesArmAsItsImplementerAndVersion3OfTheArchitecture) {
    RuleMachine machine;
    EXPECT_EQ(field_of(machine, 0x18, 11, 0), 0x43Bu);
    EXPECT_EQ(field_of(machine, 0x1C, 7, 4), 0u);
    EXPECT_GE(field_of(machine, 0x1C, 3, 0), 1u);
    EXPECT_EQ(machine.read32(0x1C) >> 8, 0u);
}

TEST(SmmuIdentification, FeaturesThatVersion3_2MakesMandatoryArePresent) {
    RuleMachine machine;
    ASSERT_GE(field_of(machine, 0x1C, 3, 0), 2u);
    EXPECT_EQ(field_of(machine, 0x00, 9, 9), 1u) << "Hyp";
    EXPECT_EQ(field_of(machine, 0x0C, 2, 2), 1u) << "HAD";
    EXPECT_EQ(field_of(machine, 0x0C, 4, 4), 1u) << "XNX";
    EXPECT_EQ(field_of(machine, 0x0C, 8, 8), 1u) << "FWB";
    EXPECT_EQ(field_of(machine, 0x0C, 10, 10), 1u) << "RIL";
    EXPECT_GE(field_of(machine, 0x0C, 12, 11), 1u) << "BBML";
}

TEST(SmmuIdentification, QueuesUpTo2To19EntriesAndNoMore) {
    RuleMachine machine;
    EXPECT_LE(field_of(machine, 0x04, 25, 21), 19u);
    EXPECT_LE(field_of(machine, 0x04, 20, 16), 19u);
    EXPECT_LE(field_of(machine, 0x04, 10, 6), 20u);
    EXPECT_LE(field_of(machine, 0x04, 5, 0), 32u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_identification
