// Permissions of stage 1, row by row as the manual tabulates them (Arm DDI 0487, D8.4).
#include "oracle/fixture.hpp"

namespace smmusim::oracle {
namespace {

constexpr u64 pxn = u64{1} << 53, uxn = u64{1} << 54, dbm = u64{1} << 51;
constexpr u64 pxn_table = u64{1} << 59, uxn_table = u64{1} << 60;
constexpr u64 user_none_table = u64{1} << 61, read_only_table = u64{1} << 62;

class Permissions : public Oracle {
protected:
    Permissions() { only(ste::Stage1); }

    /// Letters of what is permitted: r, w, x without privilege; R, W, X with it.
    std::string permitted(u64 AP, u64 leaf_bits = 0, u64 table_bits = 0) {
        for (const u64 table : {0x4000'0000, 0x4000'1000, 0x4000'2000}) {
            for (u64 at = table; at < table + 0x1000; at += 8)
                if (words.contains(at) && words[at] != 0) words[at] = (words[at] & 0x0000'ffff'ffff'ffff) | table_bits;
        }
        const u64 leaf = page | 0x703 | AP << 6 | leaf_bits;
        std::string letters;
        for (const bool privileged : {false, true}) {
            for (const char letter : {'r', 'w', 'x'}) {
                words[0x4000'3000 + (address >> 12 & 0x1ff) * 8] = leaf;  // undoes hardware updates
                transaction.privileged = privileged;
                transaction.kind = letter == 'w' ? Kind::Write : Kind::Read;
                transaction.instruction = letter == 'x';
                const Outcome outcome = run();
                if (outcome.verdict == Verdict::Translated)
                    letters += privileged ? static_cast<char>(letter - 'a' + 'A') : letter;
                else EXPECT_EQ(outcome.event->get(event::number), event::F_PERMISSION) << describe(outcome);
            }
        }
        return letters;
    }
};

TEST_F(Permissions, FollowAp) {
    EXPECT_EQ(permitted(0b00), "xRWX");
    EXPECT_EQ(permitted(0b01), "rwxRW") << "what is writable without privilege is not executed with it";
    EXPECT_EQ(permitted(0b10), "xRX");
    EXPECT_EQ(permitted(0b11), "rxRX");
}

TEST_F(Permissions, ExecuteNever) {
    EXPECT_EQ(permitted(0b11, pxn), "rxR");
    EXPECT_EQ(permitted(0b11, uxn), "rRX");
    EXPECT_EQ(permitted(0b11, uxn | pxn), "rR");
}

TEST_F(Permissions, TablesTakeAway) {
    EXPECT_EQ(permitted(0b01, 0, read_only_table), "rxRX");
    EXPECT_EQ(permitted(0b01, 0, user_none_table), "xRWX");
    EXPECT_EQ(permitted(0b01, 0, read_only_table | user_none_table), "xRX");
    EXPECT_EQ(permitted(0b11, 0, pxn_table), "rxR");
    EXPECT_EQ(permitted(0b11, 0, uxn_table), "rRX");
}

TEST_F(Permissions, TablesDoNotCountWhenHierarchyIsDisabled) {
    const u64 everything = read_only_table | user_none_table | pxn_table | uxn_table;
    context.set(cd::HAD0, 1);
    EXPECT_EQ(permitted(0b01, 0, everything), "rwxRW");
    identity.HAD = 0;
    EXPECT_EQ(permitted(0b01, 0, everything), "R") << "without HAD the bit means nothing";
}

TEST_F(Permissions, WritableIsNotExecutableWithWxn) {
    context.set(cd::WXN, 1);
    EXPECT_EQ(permitted(0b00), "xRW") << "writable with privilege only";
    EXPECT_EQ(permitted(0b01), "rwRW");
    EXPECT_EQ(permitted(0b10), "xRX");
    EXPECT_EQ(permitted(0b11), "rxRX");
}

TEST_F(Permissions, PrivilegedAccessNeverKeepsDataAccessesOut) {
    context.set(cd::PAN, 1);
    EXPECT_EQ(permitted(0b00), "xRWX");
    EXPECT_EQ(permitted(0b01), "rwx");
    EXPECT_EQ(permitted(0b11), "rxX");
    EXPECT_EQ(permitted(0b01, 0, user_none_table), "xRWX") << "APTable leaves nothing to be kept out of";
    context.set(cd::EPAN, 1);
    EXPECT_EQ(permitted(0b00), "xX") << "executable without privilege";
    EXPECT_EQ(permitted(0b00, uxn), "RWX");
    identity.EPAN = 0;
    EXPECT_EQ(permitted(0b00), "xRWX");
}

TEST_F(Permissions, CleanPagesAreWritableWhenHardwareMarksThemDirty) {
    EXPECT_EQ(permitted(0b11, dbm), "rxRX");
    context.set(cd::HD, 1);
    EXPECT_EQ(permitted(0b11, dbm), "rxRX") << "HD without HA is nothing";
    context.set(cd::HA, 1);
    EXPECT_EQ(permitted(0b11, dbm), "rwxRW");
    EXPECT_EQ(permitted(0b10, dbm), "xRWX");
    EXPECT_EQ(permitted(0b11), "rxRX");
    EXPECT_EQ(permitted(0b11, dbm, read_only_table), "rxRX") << "a table made it read-only: nothing to mark";
}

TEST_F(Permissions, El2KnowsOnePrivilege) {
    entry.set(ste::STRW, 2);
    EXPECT_EQ(permitted(0b01), "rwxRWX");
    EXPECT_EQ(permitted(0b11), "rxRX");
    EXPECT_EQ(permitted(0b01, uxn), "rwRW") << "XN";
    EXPECT_EQ(permitted(0b01, pxn), "rwxRWX") << "no such bit here";
    EXPECT_EQ(permitted(0b01, 0, user_none_table), "rwxRWX");
    context.set(cd::WXN, 1).set(cd::PAN, 1);
    EXPECT_EQ(permitted(0b01), "rwRW");
    registers.CR2 = 1;
    EXPECT_EQ(permitted(0b01), "rw") << "with E2H there are two again, and PAN";
}

}  // namespace
}  // namespace smmusim::oracle
