// Names that people read, and updates of descriptors that somebody else changes at the same time.
#include <gtest/gtest.h>

#include <map>

#include "smmu/arch/commands.hpp"
#include "smmu/arch/functional.hpp"
#include "smmu/machine.hpp"

namespace smmusim::smmu::arch {
namespace {

TEST(CommandNames, AreThoseOfTheManual) {
    const std::map<u8, std::string> names{{0x01, "PREFETCH_CONFIG"},
                                          {0x02, "PREFETCH_ADDR"},
                                          {0x03, "CFGI_STE"},
                                          {0x04, "CFGI_STE_RANGE"},
                                          {0x05, "CFGI_CD"},
                                          {0x06, "CFGI_CD_ALL"},
                                          {0x07, "CFGI_VMS_PIDM"},
                                          {0x10, "TLBI_NH_ALL"},
                                          {0x11, "TLBI_NH_ASID"},
                                          {0x12, "TLBI_NH_VA"},
                                          {0x13, "TLBI_NH_VAA"},
                                          {0x18, "TLBI_EL3_ALL"},
                                          {0x1A, "TLBI_EL3_VA"},
                                          {0x20, "TLBI_EL2_ALL"},
                                          {0x21, "TLBI_EL2_ASID"},
                                          {0x22, "TLBI_EL2_VA"},
                                          {0x23, "TLBI_EL2_VAA"},
                                          {0x28, "TLBI_S12_VMALL"},
                                          {0x2A, "TLBI_S2_IPA"},
                                          {0x30, "TLBI_NSNH_ALL"},
                                          {0x40, "ATC_INV"},
                                          {0x41, "PRI_RESP"},
                                          {0x44, "RESUME"},
                                          {0x45, "STALL_TERM"},
                                          {0x46, "SYNC"}};
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        const auto known = names.find(static_cast<u8>(opcode));
        const std::string expected = known != names.end() ? "CMD_" + known->second : "?";
        EXPECT_EQ(opcode_name(static_cast<spec::Opcode>(opcode)), expected) << opcode;
    }
}

TEST(RegisterNames, NameEveryRegisterOnce) {
    test::SmmuMachine machine;
    std::set<std::string_view> seen;
    for (const std::string_view name : uarch::Smmu::register_names()) {
        EXPECT_TRUE(seen.insert(name).second) << name;
        bool found = false;
        machine.smmu.read_register(name, found);
        EXPECT_TRUE(found) << name;
    }
    EXPECT_TRUE(seen.contains("CR0ACK") && seen.contains("PRIQ_CONS") && seen.contains("GATOS_PAR"));
    bool found = true;
    machine.smmu.read_register("CR9", found);
    EXPECT_FALSE(found);
}

/// A nested stream whose stage 1 table lies in a clean page of stage 2; both stages update in hardware.
class UpdateRace : public testing::Test {
protected:
    static constexpr u64 second_table = 0x6000'0000;
    static constexpr u64 dirty_bit_modifier = u64{1} << 51;
    static constexpr u64 clean = 0x77F | dirty_bit_modifier;  ///< S2AP = 01

    UpdateRace() {
        context.stage1 = context.stage2 = true;
        context.ste.set(spec::Ste::S2T0SZ, 34);  // starts at level 2: 1 GiB of IPA, blocks of 2 MiB
        context.ste.set(spec::Ste::S2PS, 5);
        context.ste.set(spec::Ste::S2HA, true);
        context.ste.set(spec::Ste::S2HD, true);
        context.ste.set(spec::Ste::S2TTB, second_table);
        context.second = stage2_regime(context.ste, id);
        leaf.descriptor_address = second_table;
        leaf.descriptor = clean;
        const spec::Descriptor descriptor(clean);
        const LeafPermissions permissions = stage2_permissions(descriptor, {true, true}, true);
        leaf.permissions = permissions.now;
        leaf.attainable = permissions.attainable;
    }

    /// Memory is what others make of it: `now` is what the descriptor reads, and what an update meets.
    Fault permit(u64 now) {
        const auto memory = [&](const Fetch& fetch, void* data) {
            std::memset(data, 0, fetch.size);
            std::memcpy(data, &now, 8);
            return true;
        };
        FunctionalEnvironment environment(id, control, memory);
        environment.set_update([&](const Fetch&, u64 expected, u64 desired) {
            ++updates;
            const FetchedDescriptor before{true, now};
            if (now == expected) now = desired;
            return before;
        });
        const Fault fault = sim::run_ready(permit_descriptor_update(environment, context, Request{}, 0x1000, leaf));
        after = now;
        return fault;
    }

    spec::Identification id;
    Control control;
    StreamContext context;
    Stage2Leaf leaf;
    unsigned updates = 0;
    u64 after = 0;
};

TEST_F(UpdateRace, PageBecomesDirtyOnce) {
    EXPECT_FALSE(permit(clean));
    EXPECT_EQ(updates, 1u);
    EXPECT_EQ(after, clean | 0x80);
    EXPECT_NE(leaf.permissions.privileged & Permissions::write, 0);
}

TEST_F(UpdateRace, DescriptorThatSomebodyElseMadeDirtyIsReadAgain) {
    constexpr u64 block = (clean & ~u64{2}) | 0x80;
    EXPECT_FALSE(permit(block));
    EXPECT_EQ(updates, 1u) << "the one that failed";
    EXPECT_EQ(after, block);
    EXPECT_NE(leaf.permissions.privileged & Permissions::write, 0);
}

TEST_F(UpdateRace, DescriptorThatSomebodyElseMadeInvalidIsAFaultOfStage2) {
    const Fault fault = permit(0);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault.event[spec::Event::Number], spec::EventNumber::F_TRANSLATION);
    EXPECT_TRUE(fault.event[spec::Event::S2]);
    EXPECT_EQ(fault.event[spec::Event::CLASS], spec::FaultClass::Ttd);
}

}  // namespace
}  // namespace smmusim::smmu::arch
