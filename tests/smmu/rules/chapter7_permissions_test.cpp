// Permissions of both stages (chapter 7.4 and 7.5 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_permissions {
namespace {

constexpr u64 address = TwoStageMachine::address;

/// What unprivileged and privileged accesses may do, as "rwx rwx"; every refusal must be an F_PERMISSION of `stage`.
std::string rights(TwoStageMachine& machine, unsigned stage, u64 where = address) {
    std::string text;
    for (const bool privileged : {false, true}) {
        for (Ask ask : {read(where), write(where), fetch(where)}) {
            ask.privileged = privileged;
            const Answer answer = machine.send(ask);
            text += !answer.passed() ? '-' : ask.kind == Kind::Write ? 'w' : ask.instruction ? 'x' : 'r';
            if (answer.passed()) continue;
            EXPECT_EQ(answer.event(), event::F_PERMISSION);
            if (answer.event() == event::F_PERMISSION) {
                EXPECT_EQ(answer.events[0].get(event::S2), stage - 1);
            }
        }
        if (!privileged) text += ' ';
    }
    return text;
}

// Bits of descriptors.
constexpr u64 execute_never = u64{3} << 53;
constexpr u64 pxn = u64{1} << 53;
constexpr u64 uxn = u64{1} << 54;
constexpr u64 pxn_table = u64{1} << 59;
constexpr u64 uxn_table = u64{1} << 60;
constexpr u64 no_unprivileged_table = u64{1} << 61;
constexpr u64 read_only_table = u64{1} << 62;
constexpr u64 leaf = 0xF03;  ///< without AP
constexpr u64 ap(u64 value) { return value << 6; }

/// Rights that a stage 1 leaf gives, with `context` changed by the test.
template <class Change>
std::string stage1_rights(u64 attributes, Change change) {
    TwoStageMachine machine(ste::Stage1);
    change(machine);
    machine.map(address, leaf | attributes);
    machine.start();
    return rights(machine, 1);
}
std::string stage1_rights(u64 attributes) {
    return stage1_rights(attributes, [](TwoStageMachine&) {});
}
/// The same with these bits in the table descriptor of a level.
std::string stage1_rights_below(u64 attributes, int level, u64 table_bits, bool disabled = false) {
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::HAD0, disabled);
    machine.map(address, leaf | attributes);
    machine.start();
    const u64 at = machine.first_descriptor(address, level);
    machine.memory.put(at, machine.memory.u64_at(at) | table_bits);
    return rights(machine, 1);
}
void use_el2(TwoStageMachine& machine) { machine.entry.set(ste::STRW, 2); }

TEST(SmmuStage1Permissions, ApGrantsByPrivilege) {
    EXPECT_EQ(stage1_rights(ap(0) | execute_never), "--- rw-");
    EXPECT_EQ(stage1_rights(ap(1) | execute_never), "rw- rw-");
    EXPECT_EQ(stage1_rights(ap(2) | execute_never), "--- r--");
    EXPECT_EQ(stage1_rights(ap(3) | execute_never), "r-- r--");
}

TEST(SmmuStage1Permissions, El2TakesAp1AsOne) {
    EXPECT_EQ(stage1_rights(ap(0) | uxn, use_el2), "rw- rw-");
    EXPECT_EQ(stage1_rights(ap(1) | uxn, use_el2), "rw- rw-");
    EXPECT_EQ(stage1_rights(ap(2) | uxn, use_el2), "r-- r--");
    EXPECT_EQ(stage1_rights(ap(3) | uxn, use_el2), "r-- r--");
}

TEST(SmmuStage1Permissions, ReadOnlyTableRemovesWritesAtEveryLevel) {
    for (const int level : {0, 1, 2})
        EXPECT_EQ(stage1_rights_below(ap(1) | execute_never, level, read_only_table), "r-- r--") << level;
}

TEST(SmmuStage1Permissions, TableWithoutUnprivilegedAccessRemovesItAtEveryLevel) {
    for (const int level : {0, 1, 2})
        EXPECT_EQ(stage1_rights_below(ap(1) | execute_never, level, no_unprivileged_table), "--- rw-") << level;
}

TEST(SmmuStage1Permissions, PxnForbidsPrivilegedExecutionOnly) {
    EXPECT_EQ(stage1_rights(ap(3)), "r-x r-x");
    EXPECT_EQ(stage1_rights(ap(3) | pxn), "r-x r--");
}

TEST(SmmuStage1Permissions, UxnForbidsUnprivilegedExecutionOnly) { EXPECT_EQ(stage1_rights(ap(3) | uxn), "r-- r-x"); }

TEST(SmmuStage1Permissions, PxnTableForbidsPrivilegedExecutionAtEveryLevel) {
    for (const int level : {0, 1, 2}) EXPECT_EQ(stage1_rights_below(ap(3), level, pxn_table), "r-x r--") << level;
}

TEST(SmmuStage1Permissions, UxnTableForbidsUnprivilegedExecutionAtEveryLevel) {
    for (const int level : {0, 1, 2}) EXPECT_EQ(stage1_rights_below(ap(3), level, uxn_table), "r-- r-x") << level;
}

TEST(SmmuStage1Permissions, XnOfEl2ForbidsAllExecutionAndPxnNone) {
    EXPECT_EQ(stage1_rights(ap(2), use_el2), "r-x r-x");
    EXPECT_EQ(stage1_rights(ap(2) | uxn, use_el2), "r-- r--");
    EXPECT_EQ(stage1_rights(ap(2) | pxn, use_el2), "r-x r-x");
}

TEST(SmmuStage1Permissions, UnprivilegedWritesForbidPrivilegedExecution) {
    EXPECT_EQ(stage1_rights(ap(1)), "rwx rw-");
    EXPECT_EQ(stage1_rights(ap(0)), "--x rwx") << "writes by privilege alone forbid nothing";
}

TEST(SmmuStage1Permissions, TableThatRemovesUnprivilegedWritesAllowsPrivilegedExecution) {
    EXPECT_EQ(stage1_rights_below(ap(1), 1, read_only_table), "r-x r-x");
    EXPECT_EQ(stage1_rights_below(ap(1), 1, no_unprivileged_table), "--x rwx");
}

TEST(SmmuStage1Permissions, WxnForbidsExecutionWhereThatPrivilegeWrites) {
    const auto wxn = [](TwoStageMachine& machine) { machine.context.set(cd::WXN, 1); };
    EXPECT_EQ(stage1_rights(ap(0), wxn), "--x rw-");
    EXPECT_EQ(stage1_rights(ap(1), wxn), "rw- rw-");
    EXPECT_EQ(stage1_rights(ap(2), wxn), "--x r-x");
    EXPECT_EQ(stage1_rights(ap(3), wxn), "r-x r-x");
}

TEST(SmmuStage1Permissions, PanForbidsPrivilegedDataWhereUnprivilegedMayGo) {
    const auto pan = [](TwoStageMachine& machine) { machine.context.set(cd::PAN, 1); };
    EXPECT_EQ(stage1_rights(ap(0) | uxn, pan), "--- rwx");
    EXPECT_EQ(stage1_rights(ap(1) | uxn, pan), "rw- ---");
    EXPECT_EQ(stage1_rights(ap(3), pan), "r-x --x") << "not instruction reads";
}

TEST(SmmuStage1Permissions, PanLooksAtAp1AfterTheTables) {
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::PAN, 1);
    machine.map(address, leaf | ap(1) | execute_never);
    machine.start();
    const u64 at = machine.first_descriptor(address, 1);
    machine.memory.put(at, machine.memory.u64_at(at) | no_unprivileged_table);
    EXPECT_EQ(rights(machine, 1), "--- rw-");
}

TEST(SmmuStage1Permissions, EpanAlsoForbidsItWhereUnprivilegedMayExecute) {
    const auto epan_rights = [](u64 attributes, bool implemented, bool epan) {
        TwoStageMachine machine =
            TwoStageMachine::make(ste::Stage1, [&](spec::Identification& id) { id.idr3.EPAN = implemented; });
        machine.context.set(cd::PAN, 1).set(cd::EPAN, epan);
        machine.map(address, leaf | attributes);
        machine.start();
        return rights(machine, 1);
    };
    EXPECT_EQ(epan_rights(ap(2), true, true), "--x --x");
    EXPECT_EQ(epan_rights(ap(2) | uxn, true, true), "--- r-x");
    EXPECT_EQ(epan_rights(ap(2), true, false), "--x r-x");
    EXPECT_EQ(epan_rights(ap(2), false, true), "--x r-x") << "IDR3.EPAN = 0";
}

TEST(SmmuStage1Permissions, PanHasNoMeaningInEl2) {
    const auto pan = [](TwoStageMachine& machine) {
        use_el2(machine);
        machine.context.set(cd::PAN, 1);
    };
    EXPECT_EQ(stage1_rights(ap(1) | uxn, pan), "rw- rw-");
}

TEST(SmmuStage1Permissions, HadIgnoresTheBitsOfTables) {
    const u64 everything = pxn_table | uxn_table | no_unprivileged_table | read_only_table;
    EXPECT_EQ(stage1_rights_below(ap(1), 1, everything, false), "--- r--");
    EXPECT_EQ(stage1_rights_below(ap(1), 1, everything, true), "rwx rw-");
}

TEST(SmmuStage1Permissions, ExecutionNeedsNoReadPermission) {
    TwoStageMachine machine(ste::Stage1);
    machine.map(address, leaf | ap(0));
    machine.start();
    EXPECT_TRUE(machine.send(fetch(address)).passed());
    EXPECT_EQ(machine.send(read(address)).event(), event::F_PERMISSION);
}

TEST(SmmuStage1Permissions, PrivcfgDecidesThePrivilege) {
    // 00 and 01 incoming, 10 unprivileged, 11 privileged; the page is for privileged accesses alone.
    struct Row {
        u64 privcfg;
        bool incoming, allowed;
    };
    for (const Row& row : {Row{0, false, false}, Row{0, true, true}, Row{1, false, false}, Row{1, true, true},
                           Row{2, false, false}, Row{2, true, false}, Row{3, false, true}, Row{3, true, true}}) {
        TwoStageMachine machine(ste::Stage1);
        machine.entry.set(ste::PRIVCFG, row.privcfg);
        machine.map(address, leaf | ap(0));
        machine.start();
        Ask ask = read(address);
        ask.privileged = row.incoming;
        EXPECT_EQ(machine.send(ask).passed(), row.allowed) << row.privcfg << row.incoming;
        EXPECT_EQ(machine.send(ask).passed(), row.allowed) << "on a hit";
    }
}

TEST(SmmuStage1Permissions, InstcfgDecidesOverReadsOnly) {
    // The page may be read and written but not executed.
    struct Row {
        u64 instcfg;
        bool incoming, allowed;
    };
    for (const Row& row : {Row{0, false, true}, Row{0, true, false}, Row{1, true, false}, Row{2, false, true},
                           Row{2, true, true}, Row{3, false, false}, Row{3, true, false}}) {
        TwoStageMachine machine(ste::Stage1);
        machine.entry.set(ste::INSTCFG, row.instcfg);
        machine.map(address, leaf | ap(1) | execute_never);
        machine.start();
        Ask ask = read(address);
        ask.instruction = row.incoming;
        EXPECT_EQ(machine.send(ask).passed(), row.allowed) << row.instcfg << row.incoming;
        EXPECT_TRUE(machine.send(write(address)).passed()) << row.instcfg;
    }
}

TEST(SmmuStage1Permissions, AtomicNeedsReadAndWrite) {
    const auto passes = [](u64 attributes) {
        TwoStageMachine machine(ste::Stage1);
        machine.map(address, leaf | attributes);
        machine.start();
        return machine.send(atomic(address)).passed();
    };
    EXPECT_TRUE(passes(ap(1)));
    EXPECT_FALSE(passes(ap(3)));
    EXPECT_FALSE(passes(ap(0)));
}

// Stage 2.

constexpr u64 second = 0x73F;  ///< without S2AP
constexpr u64 s2ap(u64 value) { return value << 6; }
constexpr u64 xn(u64 value) { return value << 53; }

std::string stage2_rights(u64 attributes, bool xnx = true) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Stage2, [&](spec::Identification& id) { id.idr3.XNX = xnx; });
    machine.map(address, 0, second | attributes);
    machine.start();
    return rights(machine, 2);
}

TEST(SmmuStage2Permissions, S2apGrantsReadAndWriteSeparately) {
    EXPECT_EQ(stage2_rights(s2ap(0) | xn(2)), "--- ---");
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(2)), "r-- r--");
    EXPECT_EQ(stage2_rights(s2ap(2) | xn(2)), "-w- -w-");
    EXPECT_EQ(stage2_rights(s2ap(3) | xn(2)), "rw- rw-");
}

TEST(SmmuStage2Permissions, XnDecidesOverExecutionByPrivilege) {
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(0)), "r-x r-x");
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(1)), "r-x r--");
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(2)), "r-- r--");
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(3)), "r-- r-x");
}

TEST(SmmuStage2Permissions, WithoutXnxOnlyTheUpperBitCounts) {
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(0), false), "r-x r-x");
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(1), false), "r-x r-x");
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(2), false), "r-- r--");
    EXPECT_EQ(stage2_rights(s2ap(1) | xn(3), false), "r-- r--");
}

TEST(SmmuStage2Permissions, ExecutionNeedsNoReadPermission) { EXPECT_EQ(stage2_rights(s2ap(0) | xn(0)), "--x --x"); }

TEST(SmmuStage2Permissions, AtomicNeedsReadAndWrite) {
    for (u64 value = 0; value < 4; ++value) {
        TwoStageMachine machine(ste::Stage2);
        machine.map(address, 0, second | s2ap(value));
        machine.start();
        EXPECT_EQ(machine.send(atomic(address)).passed(), value == 3) << value;
    }
}

TEST(SmmuStage2Permissions, BothStagesMustPermitAndStage1IsCheckedFirst) {
    struct Row {
        u64 first, second;
        unsigned refused_by;
    };
    for (const Row& row :
         {Row{ap(1), s2ap(3), 0}, Row{ap(3), s2ap(3), 1}, Row{ap(1), s2ap(1), 2}, Row{ap(3), s2ap(1), 1}}) {
        TwoStageMachine machine;
        machine.map(address, leaf | row.first, second | row.second);
        machine.start();
        const Answer answer = machine.send(write(address));
        EXPECT_EQ(answer.passed(), row.refused_by == 0);
        if (row.refused_by == 0) continue;
        EXPECT_EQ(answer.event(), event::F_PERMISSION);
        ASSERT_EQ(answer.events.size(), 1u);
        EXPECT_EQ(answer.events[0].get(event::S2), row.refused_by - 1);
    }
}

TEST(SmmuStage2Permissions, WalkOfStage1NeedsReadPermissionAlone) {
    for (u64 value = 0; value < 4; ++value) {
        TwoStageMachine machine;
        machine.map();
        machine.put_second(TwoStageMachine::first_root, 3,
                           (TwoStageMachine::first_root + TwoStageMachine::storage) | second | s2ap(value) | xn(2));
        machine.start();
        const Answer answer = machine.send(write(address));
        EXPECT_EQ(answer.passed(), (value & 1) != 0) << value;
        EXPECT_EQ(answer.event(), (value & 1) != 0 ? 0u : u64{event::F_PERMISSION});
    }
}

TEST(SmmuStage2Permissions, FetchOfTheContextDescriptorNeedsReadPermissionAlone) {
    for (u64 value = 0; value < 4; ++value) {
        TwoStageMachine machine;
        machine.map();
        machine.put_second(TwoStageMachine::cd_address, 3,
                           (TwoStageMachine::cd_address + TwoStageMachine::storage) | second | s2ap(value) | xn(2));
        machine.start();
        const Answer answer = machine.send(write(address));
        EXPECT_EQ(answer.passed(), (value & 1) != 0) << value;
        EXPECT_EQ(answer.event(), (value & 1) != 0 ? 0u : u64{event::F_PERMISSION});
    }
}

}  // namespace
}  // namespace smmusim::test::chapter7_permissions
