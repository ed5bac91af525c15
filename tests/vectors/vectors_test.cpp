// The oracle reproduces every vector, and no vector is satisfied with just any answer.
#include <gtest/gtest.h>

#include "oracle/machine.hpp"
#include "vectors/driver.hpp"

namespace smmusim::vectors {
namespace {

using oracle::OracleMachine;

TEST(Vectors, AreAllThere) {
    EXPECT_EQ(stage1_cases().size(), 26u);
    EXPECT_EQ(stage1_fault_cases().size(), 30u);
    EXPECT_EQ(stage2_cases().size(), 14u);
    EXPECT_EQ(stage2_fault_cases().size(), 16u);
    EXPECT_EQ(nested_cases().size(), 22u);
    EXPECT_EQ(cases().size(), 108u);
    EXPECT_EQ(fetch_cases().size(), 18u);
}

TEST(Vectors, OracleReproducesEveryWalk) {
    for (const Case& row : cases()) {
        const Complaints complaints = check<OracleMachine>(row);
        EXPECT_TRUE(complaints.empty()) << row.id << text(complaints);
    }
}

TEST(Vectors, OracleReproducesEveryCountOfFetches) {
    for (const FetchCase& row : fetch_cases()) {
        const Complaints complaints = check<OracleMachine>(row);
        EXPECT_TRUE(complaints.empty()) << row.id << text(complaints);
    }
}

/// The oracle, with one thing wrong in its answers.
template <class Spoil>
class Spoilt : public OracleMachine {
public:
    using OracleMachine::OracleMachine;
    support::Result access(const support::Transaction& transaction) {
        support::Result result = OracleMachine::access(transaction);
        Spoil{}(result);
        return result;
    }
};

template <class Spoil>
void expect_noticed(const char* what) {
    for (const Case& row : cases()) EXPECT_FALSE(check<Spoilt<Spoil>>(row).empty()) << row.id << " overlooks " << what;
    for (const FetchCase& row : fetch_cases())
        EXPECT_FALSE(check<Spoilt<Spoil>>(row).empty()) << row.id << " overlooks " << what;
}

struct OtherOutcome {
    void operator()(support::Result& result) const {
        result.ok = !result.ok;
        result.pa ^= 0x1000;
    }
};
struct OtherResult {
    void operator()(support::Result& result) const {
        result.pa ^= 0x1000;
        if (result.event) result.event->set(support::event::number, result.event->get(support::event::number) ^ 1);
    }
};
struct UnexpectedEvent {
    void operator()(support::Result& result) const {
        if (result.event) result.event.reset();
        else result.event.emplace();
    }
};
struct MissingRead {
    void operator()(support::Result& result) const { result.reads.pop_back(); }
};
struct DoubleRead {
    void operator()(support::Result& result) const { result.reads.push_back(result.reads.back()); }
};

TEST(Vectors, NoRowOverlooksAnotherOutcome) { expect_noticed<OtherOutcome>("another outcome"); }
TEST(Vectors, NoRowOverlooksAnotherAddressOrEvent) { expect_noticed<OtherResult>("another address or event"); }
TEST(Vectors, NoRowOverlooksAnEventMoreOrLess) { expect_noticed<UnexpectedEvent>("an event more or less"); }
TEST(Vectors, NoRowOverlooksAMissingRead) { expect_noticed<MissingRead>("a missing read"); }
TEST(Vectors, NoRowOverlooksAReadTooMany) { expect_noticed<DoubleRead>("a read too many"); }

TEST(Vectors, FeaturesSelectRows) {
    constexpr u32 basic = stage1 | stage2 | nested | granule_4k | two_level_stream;
    for (const Case& row : cases(basic)) EXPECT_EQ(row.features & ~basic, 0u) << row.id;
    EXPECT_EQ(cases(stage1 | granule_4k).size(), 7u + 19u);
    EXPECT_EQ(cases(basic).size(), 26u + 3 + 12 + 17);
    EXPECT_EQ(fetch_cases(basic).size(), 12u);
}

}  // namespace
}  // namespace smmusim::vectors
