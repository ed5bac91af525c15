// Invalidation of translations that a requester keeps (chapter 9.3 of the rules).
#include "smmu/rules/requesters.hpp"
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter9_invalidation {
namespace {

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;

command::Words atc_inv(u64 size, u64 where, u32 substream = 0, bool with_pasid = false, bool global = false) {
    return {0x40 | u64{global} << 9 | u64{with_pasid} << 11 | u64{substream} << 12 | u64{stream} << 32, where | size};
}

TEST(SmmuAts, AtcInvNamesItsRange) {
    struct Row {
        u64 size;
        unsigned span;
    };
    for (const Row& row : {Row{0, 12}, Row{1, 13}, Row{9, 21}, Row{52, 64}}) {
        TwoStageMachine machine(ste::Stage1);
        rule::Requesters requesters;
        machine.smmu.set_requesters(&requesters);
        machine.start();
        const u64 where = row.span == 64 ? 0 : u64{0x7000'0000'0000} >> row.span << row.span;
        machine.execute({atc_inv(row.size, where)});
        ASSERT_EQ(requesters.invalidations.size(), 1u);
        EXPECT_EQ(requesters.invalidations[0].stream_id, stream);
        EXPECT_EQ(requesters.invalidations[0].address, where);
        EXPECT_EQ(requesters.invalidations[0].span, row.span);
        EXPECT_EQ(requesters.invalidations[0].substream_id, sim::no_id);
    }
}

TEST(SmmuAts, AtcInvSendsThePasidWithSsvAndGlobalOnlyThen) {
    for (const bool with_pasid : {false, true})
        for (const bool global : {false, true}) {
            TwoStageMachine machine(ste::Stage1);
            rule::Requesters requesters;
            machine.smmu.set_requesters(&requesters);
            machine.start();
            machine.execute({atc_inv(0, address, 5, with_pasid, global)});
            ASSERT_EQ(requesters.invalidations.size(), 1u);
            EXPECT_EQ(requesters.invalidations[0].substream_id, with_pasid ? 5u : sim::no_id);
            EXPECT_EQ(requesters.invalidations[0].global, with_pasid && global);
        }
}

TEST(SmmuAts, SyncWaitsForTheInvalidation) {
    TwoStageMachine machine(ste::Stage1);
    rule::Requesters requesters;
    requesters.answers_at_once = false;
    machine.smmu.set_requesters(&requesters);
    machine.start();
    machine.command(atc_inv(0, address)[0], atc_inv(0, address)[1]);
    machine.command(0x46);
    machine.ring();
    machine.run_to(machine.simulation.now() + 100 * microsecond);
    EXPECT_EQ(machine.consumer(), 1u) << "the ATC_INV is consumed, the SYNC is not";
    requesters.answer();
    machine.run();
    EXPECT_EQ(machine.consumer(), 2u);
    EXPECT_EQ(machine.inspect32(0x60), 0u);
}

TEST(SmmuAts, InvalidationThatIsNeverAnsweredFailsTheSync) {
    TwoStageMachine machine(ste::Stage1);
    rule::Requesters requesters;
    requesters.answers_at_once = false;
    machine.smmu.set_requesters(&requesters);
    machine.start();
    machine.command(atc_inv(0, address)[0], atc_inv(0, address)[1]);
    machine.command(0x46);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.inspect32(0x9C), 0x0300'0001u) << "CERROR_ATC_INV_SYNC, RD at the SYNC";
    EXPECT_EQ(machine.inspect32(0x60), 1u);
    machine.write32(0x64, 1);
    machine.run();
    EXPECT_EQ(machine.consumer(), 2u) << "the SYNC runs again and waits for nothing new";
}

TEST(SmmuAts, AtcInvIsIgnoredWhileOffAndIllegalWithoutAts) {
    TwoStageMachine machine(ste::Stage1);
    rule::Requesters requesters;
    machine.smmu.set_requesters(&requesters);
    machine.start();
    machine.set_cr0(0b1100);
    machine.execute({atc_inv(0, address)});
    EXPECT_TRUE(requesters.invalidations.empty());
    TwoStageMachine absent(ste::Stage1,
                           TwoStageMachine::with([](spec::Identification& id) { id.idr0.ATS = id.idr0.PRI = 0; }));
    absent.start();
    absent.command(atc_inv(0, address)[0], atc_inv(0, address)[1]);
    absent.ring();
    absent.run();
    EXPECT_EQ(absent.inspect32(0x9C), 0x0100'0000u);
}

}  // namespace
}  // namespace smmusim::test::chapter9_invalidation
