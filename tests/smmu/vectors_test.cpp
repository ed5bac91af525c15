// The walk vectors on the timed SMMU and on its functional path.
#include "smmu/device_machine.hpp"
#include "vectors/driver.hpp"

namespace smmusim::test::walk_vectors {
namespace {

template <class Machine>
void run_walks() {
    const auto rows = vectors::cases();
    EXPECT_EQ(rows.size(), 108u);
    for (const vectors::Case& row : rows) {
        const vectors::Complaints complaints = vectors::check<Machine>(row);
        EXPECT_TRUE(complaints.empty()) << row.id << vectors::text(complaints);
    }
}

template <class Machine>
void run_fetches() {
    for (const vectors::FetchCase& row : vectors::fetch_cases()) {
        const vectors::Complaints complaints = vectors::check<Machine>(row);
        EXPECT_TRUE(complaints.empty()) << row.id << vectors::text(complaints);
    }
}

TEST(WalkVectors, TimedSmmuReproducesEveryWalk) { run_walks<DeviceMachine>(); }
TEST(WalkVectors, FunctionalPathReproducesEveryWalk) { run_walks<FunctionalMachine>(); }
TEST(WalkVectors, TimedSmmuReproducesEveryCountOfFetches) { run_fetches<DeviceMachine>(); }
TEST(WalkVectors, FunctionalPathReproducesEveryCountOfFetches) { run_fetches<FunctionalMachine>(); }

}  // namespace
}  // namespace smmusim::test::walk_vectors
