// Promises of the drivers of SPI doorbells: places in every frame, routes, and what a move does.
#include "fake_gic.hpp"
#include "sw/doorbells/frame_controllers.hpp"

namespace smmusim::test {
namespace {

using sw::doorbells::SpiController;
using sw::doorbells::SpiFrame;
using sw::msi::Controller;
using sw::msi::Source;
using sw::msi::Vector;

/// Two clusters of two CPUs, four SPIs each.
class TwoFrames final : public SpiController {
public:
    explicit TwoFrames(sw::its::GicDriver& gic) : SpiController("two", gic) {
        set_frames({SpiFrame{0x1040, 64, 4, 64, 0, 2}, SpiFrame{0x2040, 96, 5, 96, 2, 2}});
    }
    sim::Task<int> init(sw::cpu::Cpu&) override { co_return 0; }
};

class SpiControllerTest : public CpuFixture {
protected:
    SpiControllerTest() : CpuFixture(4), pool(ram, 64 * MiB) {
        bus.add(FakeDistributor::base, 0x1'0000, distributor);
        bus.add(FakeRedistributors::base, 4 * FakeRedistributors::frame, redistributors);
        gic = std::make_unique<sw::its::GicDriver>(sw::its::GicDescription{}, sw::its::DriverConfig{}, pool,
                                                   std::vector<u32>{0, 1, 2, 3});
        EXPECT_EQ(await(gic->init_distributor(cpu())), 0);
        driver = std::make_unique<TwoFrames>(*gic);
    }
    std::vector<Vector*> allocate(u32 count, int expected = 0) {
        std::vector<Vector*> vectors;
        for (u32 index = 0; index < count; ++index) {
            auto& vector = source.vectors.emplace_back(std::make_unique<Vector>());
            vector->source = &source;
            vectors.push_back(vector.get());
        }
        EXPECT_EQ(await(driver->allocate(cpu(), source, vectors)), expected);
        return vectors;
    }

    sw::cpu::PagePool pool;
    FakeDistributor distributor{simulation};
    FakeRedistributors redistributors{simulation, 4};
    std::unique_ptr<sw::its::GicDriver> gic;
    std::unique_ptr<TwoFrames> driver;
    Source source;
};

TEST_F(SpiControllerTest, DoesNotIsolateAndHasADoorbellPerFrame) {
    EXPECT_FALSE(driver->isolates_sources());
    EXPECT_TRUE(driver->translated());
    ASSERT_EQ(driver->doorbells().size(), 2u);
    EXPECT_EQ(driver->doorbells()[1].address, 0x2040u);
}

TEST_F(SpiControllerTest, HasAsManyPlacesAsTheSmallestFrame) {
    const auto vectors = allocate(4);
    EXPECT_EQ(vectors[3]->intid, 67u);
    EXPECT_EQ(driver->intids(*vectors[3]), (std::vector<u32>{67, 99}));
    allocate(1, -ENOSPC);
    await(driver->release(cpu(), *vectors[1]));
    EXPECT_EQ(allocate(1)[0]->event, 1u) << "a released place is given again";
}

TEST_F(SpiControllerTest, MoveToAnotherFrameIsAnotherMessage) {
    Vector& vector = *allocate(2)[1];
    EXPECT_EQ(await(driver->activate(cpu(), vector)), 0);
    EXPECT_EQ(driver->compose(vector), (sw::msi::Message{0x1040, 65}));
    EXPECT_EQ(*await(driver->set_affinity(cpu(), vector, 1)), Controller::Moved::Done);
    EXPECT_EQ(driver->compose(vector), (sw::msi::Message{0x1040, 65}));
    EXPECT_EQ(*await(driver->set_affinity(cpu(), vector, 3)), Controller::Moved::Rewrite);
    EXPECT_EQ(driver->compose(vector), (sw::msi::Message{0x2040, 97}));
    EXPECT_EQ(vector.cpu, 3u);
    EXPECT_EQ(vector.intid, 97u);
    EXPECT_EQ(await(driver->set_affinity(cpu(), vector, 4)).error(), -EINVAL);
}

TEST_F(SpiControllerTest, WindowIsNotTranslatedAndHasNoDoorbellToMap) {
    sw::doorbells::DoorbellDescription description;
    description.window = {0xFEE0'0000, 1 * MiB, 64, 8, 32};
    sw::doorbells::WindowController window(description, *gic);
    EXPECT_EQ(await(window.init(cpu())), 0);
    EXPECT_FALSE(window.translated());
    EXPECT_FALSE(window.isolates_sources());
    EXPECT_TRUE(window.doorbells().empty());
    EXPECT_EQ(window.frames().size(), 4u);
    EXPECT_EQ(window.frames()[3].doorbell, 0xFEE0'3000u);
    EXPECT_EQ(window.frames()[3].first, 64u + 24u);
}

TEST_F(SpiControllerTest, WhatTheMachineHasNotIsNoDevice) {
    const sw::doorbells::DoorbellDescription nothing;
    sw::doorbells::GicV2m v2m(nothing, *gic);
    sw::doorbells::Mbi mbi(nothing, *gic);
    sw::doorbells::MultiFrame frames(nothing, *gic);
    sw::doorbells::WindowController window(nothing, *gic);
    for (SpiController* each : {static_cast<SpiController*>(&v2m), static_cast<SpiController*>(&mbi),
                                static_cast<SpiController*>(&frames), static_cast<SpiController*>(&window)})
        EXPECT_EQ(await(each->init(cpu())), -ENODEV) << each->name();
}

}  // namespace
}  // namespace smmusim::test
