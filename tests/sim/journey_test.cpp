// Promises of a message's way: parts add up, endings count once.
#include "sim/journey.hpp"

#include <gtest/gtest.h>

namespace smmusim::sim {
namespace {

class Observer final : public JourneyObserver {
public:
    void settled(const Journey&) override { ++settlements; }
    void signalled(const Journey&) override { ++signals; }
    int settlements = 0;
    int signals = 0;
};

TEST(Journey, PartsCrossedTwiceAddUpAndTheSumIsTheWholeWay) {
    Observer observer;
    Journey journey(observer, 3, 100);
    using enum Journey::Part;
    const std::array<std::pair<Journey::Part, Time>, 7> way{{{Link, 10},
                                                             {Interconnect, 20},
                                                             {Smmu, 30},
                                                             {Interconnect, 5},
                                                             {Its, 7},
                                                             {Redistributor, 11},
                                                             {CpuInterface, 2}}};
    Time now = 100;
    for (const auto& [part, duration] : way) {
        journey.enter(part, now);
        now += duration;
        journey.leave(part, now);
    }
    journey.settle(Journey::Outcome::Delivered);
    journey.signal(now);
    Time sum = 0;
    for (std::size_t part = 0; part < Journey::parts; ++part) sum += journey.spent(static_cast<Journey::Part>(part));
    EXPECT_EQ(sum, journey.end() - journey.begin());
    EXPECT_EQ(journey.spent(Interconnect), 25u);
    EXPECT_EQ(journey.vector(), 3u);
}

TEST(Journey, FirstOutcomeAndFirstSignalCount) {
    Observer observer;
    Journey journey(observer, 0, 0);
    EXPECT_EQ(journey.outcome(), Journey::Outcome::Underway);
    journey.settle(Journey::Outcome::Coalesced);
    journey.settle(Journey::Outcome::Delivered);
    journey.signal(5);
    journey.signal(9);
    EXPECT_EQ(journey.outcome(), Journey::Outcome::Coalesced);
    EXPECT_EQ(journey.end(), 5u);
    EXPECT_EQ(observer.settlements, 1);
    EXPECT_EQ(observer.signals, 1);
}

TEST(Journey, SenderThatIsGoneIsNotTold) {
    Observer observer;
    Journey journey(observer, 0, 0);
    journey.forget();
    journey.settle(Journey::Outcome::Blocked);
    journey.signal(1);
    EXPECT_EQ(observer.settlements + observer.signals, 0);
    EXPECT_EQ(journey.outcome(), Journey::Outcome::Blocked);
}

}  // namespace
}  // namespace smmusim::sim
