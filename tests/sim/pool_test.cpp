// Promises of pools: objects stay where they are, the one given back last is taken next, nothing is allocated twice.
#include "sim/pool.hpp"

#include <gtest/gtest.h>

#include <set>

#include "sim/types.hpp"

namespace smmusim::sim {
namespace {

class PoolTest : public testing::Test {
protected:
    struct Object {
        u64 value = 7;
    };
    Pool<Object> pool;
};

TEST_F(PoolTest, GivesTheLatestOneBackAsItWas) {
    Object& first = pool.take();
    Object& second = pool.take();
    EXPECT_NE(&first, &second);
    EXPECT_EQ(first.value, 7u) << "a new one";
    first.value = 1;
    second.value = 2;
    pool.give_back(second);
    pool.give_back(first);
    EXPECT_EQ(&pool.take(), &first);
    EXPECT_EQ(first.value, 1u);
    EXPECT_EQ(&pool.take(), &second);
}

TEST_F(PoolTest, ObjectsNeverMoveAndAreNoMoreThanWereInUseAtOnce) {
    std::set<Object*> taken;
    for (int count = 0; count < 1000; ++count) taken.insert(&pool.take());
    EXPECT_EQ(taken.size(), 1000u);
    EXPECT_EQ(pool.in_use(), 1000u);
    for (Object* object : taken) pool.give_back(*object);
    EXPECT_EQ(pool.in_use(), 0u);
    for (int count = 0; count < 1000; ++count) EXPECT_TRUE(taken.contains(&pool.take()));
    EXPECT_EQ(pool.all().size(), 1000u);
}

TEST_F(PoolTest, TakesAllOfThemBackAtOnce) {
    for (int count = 0; count < 10; ++count) pool.take();
    pool.give_back_all();
    EXPECT_EQ(pool.in_use(), 0u);
    std::set<Object*> taken;
    for (int count = 0; count < 10; ++count) taken.insert(&pool.take());
    EXPECT_EQ(taken.size(), 10u) << "none of them twice";
    EXPECT_EQ(pool.all().size(), 10u);
}

}  // namespace
}  // namespace smmusim::sim
