// Every interleaving of two CPUs that get, put, free and allocate: nothing is lost, nothing stays.
#include "fake_domain.hpp"
#include "sw/msi/reserved_iova.hpp"

namespace smmusim::test {
namespace {

using sw::iommu::IOMMU_WRITE;
using sw::msi::Binding;
using sw::msi::ReservedIova;

constexpr u64 window = 0x0800'0000;

enum class Step : u8 { Get, GetOther, GetBoth, Put, PutOther, Free, Alloc };
using Script = std::vector<Step>;

/// One run: two CPUs, each with a script, and the choices that order them.
class Race {
public:
    Race(const Script& first, const Script& second, u64 window_granules)
        : port_(memory_), scripts_{first, second}, granules_(window_granules) {
        for (u32 index = 0; index < 2; ++index) {
            cpus_[index] =
                std::make_unique<sw::cpu::Cpu>(simulation_, index, port_, sw::cpu::CpuConfig{}, interrupts_[index]);
            interrupts_[index].connect(*cpus_[index]);
        }
        scope_.spawn("setup", allocate());
        run();
        domain_.stepped = true;
    }

    /// CPUs that can go on: stopped in a map or unmap, or between two operations.
    std::vector<u32> choices() const {
        std::vector<u32> result;
        for (u32 cpu = 0; cpu < 2; ++cpu)
            if (domain_.stopped().contains(cpu) || (!busy_[cpu] && next_[cpu] < scripts_[cpu].size()))
                result.push_back(cpu);
        return result;
    }
    void go_on(u32 cpu) {
        if (domain_.stopped().contains(cpu)) domain_.step(cpu);
        else scope_.spawn("operation", operate(cpu, scripts_[cpu][next_[cpu]++]));
        run();
        // I7: whatever is bound is mapped, at every moment.
        for (const Binding& binding : ReservedIova::bindings(domain_))
            for (u64 at = 0; at < binding.size; at += FakeDomain::page) {
                const auto page = domain_.pages.find(binding.iova + at);
                ASSERT_TRUE(page != domain_.pages.end());
                ASSERT_EQ(page->second, binding.address + at);
            }
    }
    void check_end() {
        ASSERT_FALSE(busy_[0] || busy_[1]) << simulation_.waiting();
        std::map<u64, u64> expected;
        u64 references = 0, end = 0, bound = 0;
        for (const Binding& binding : ReservedIova::bindings(domain_)) {
            ASSERT_GE(binding.address, end);
            end = binding.address + binding.size;
            ASSERT_GE(binding.iova, window);
            ASSERT_LE(binding.iova + binding.size, window + granules_ * 4096);
            references += binding.references;
            bound += binding.size / 4096;
            for (u64 at = 0; at < binding.size; at += 4096) expected.emplace(binding.iova + at, binding.address + at);
        }
        ASSERT_EQ(domain_.pages, expected);
        ASSERT_EQ(domain_.overlapping_maps, 0u);
        ASSERT_EQ(domain_.missing_unmaps, 0u);
        ASSERT_EQ(reserved_.mapped_pages(), expected.size());
        const auto cookie = std::dynamic_pointer_cast<sw::msi::ReservedIovaDomain>(domain_.cookie);
        if (cookie != nullptr) {
            ASSERT_EQ(cookie->iovad.allocated(), bound);
        }
        if (!freed_) {
            ASSERT_EQ(references, gets_ - puts_);
        }
    }

private:
    Task<> allocate() {
        co_await reserved_.iommu_alloc_reserved_iova_domain(*cpus_[0], domain_, window, granules_ * 4096, IOMMU_WRITE,
                                                            12);
    }
    Task<> operate(u32 cpu, Step step) {
        busy_[cpu] = true;
        sw::cpu::Cpu& on = *cpus_[cpu];
        constexpr u64 one = 0x0809'0040, other = 0x0809'1040;
        u64 iova = 0;
        int error = -1;
        switch (step) {
            case Step::Get:
                error = co_await reserved_.iommu_get_reserved_iova(on, domain_, one, 4, IOMMU_WRITE, iova);
                break;
            case Step::GetOther:
                error = co_await reserved_.iommu_get_reserved_iova(on, domain_, other, 4, IOMMU_WRITE, iova);
                break;
            case Step::GetBoth:
                error = co_await reserved_.iommu_get_reserved_iova(on, domain_, one, 0x1000, IOMMU_WRITE, iova);
                break;
            case Step::Put: co_await put(on, one); break;
            case Step::PutOther: co_await put(on, other); break;
            case Step::Free:
                freed_ = true;
                co_await reserved_.iommu_free_reserved_iova_domain(on, domain_);
                break;
            case Step::Alloc:
                co_await reserved_.iommu_alloc_reserved_iova_domain(on, domain_, window, granules_ * 4096, IOMMU_WRITE,
                                                                    12);
                break;
        }
        if (error == 0) {
            ++gets_;
            // What get returned can be used at once, unless the window is being taken away.
            if (!freed_) {
                EXPECT_TRUE(domain_.pages.contains(iova & ~u64{4095}));
            }
        }
        busy_[cpu] = false;
    }
    Task<> put(sw::cpu::Cpu& on, u64 address) {
        // A put of what nobody holds changes nothing. The search follows without another CPU in between.
        for (const Binding& binding : ReservedIova::bindings(domain_))
            puts_ += address >= binding.address && address < binding.address + binding.size;
        co_await reserved_.iommu_put_reserved_iova(on, domain_, address);
    }
    void run() { simulation_.scheduler().run(end_of_time); }

    sim::Simulation simulation_;
    FakeMemory memory_{simulation_};
    sim::DirectPort port_;
    FakeInterrupts interrupts_[2];
    std::unique_ptr<sw::cpu::Cpu> cpus_[2];
    sw::iommu::Statistics statistics_;
    FakeDomain domain_{simulation_, statistics_};
    ReservedIova reserved_{true};
    Script scripts_[2];
    std::size_t next_[2] = {0, 0};
    bool busy_[2] = {false, false};
    bool freed_ = false;
    u64 gets_ = 0, puts_ = 0;
    u64 granules_;
    sim::Scope scope_{simulation_, "race"};
};

/// Runs every order of the two scripts; returns how many there are.
u64 every_interleaving(const Script& first, const Script& second, u64 window_granules) {
    std::vector<std::size_t> path;  // which of the choices was taken at each step
    u64 runs = 0;
    for (;;) {
        Race race(first, second, window_granules);
        std::vector<std::size_t> widths;
        for (std::size_t depth = 0;; ++depth) {
            const std::vector<u32> choices = race.choices();
            if (choices.empty()) break;
            if (depth == path.size()) path.push_back(0);
            widths.push_back(choices.size());
            race.go_on(choices[path[depth]]);
            if (testing::Test::HasFatalFailure()) return runs;
        }
        race.check_end();
        if (testing::Test::HasFailure()) {
            std::string taken;
            for (const std::size_t choice : path) taken += std::to_string(choice);
            ADD_FAILURE() << "interleaving " << taken;
            return runs;
        }
        ++runs;
        while (!path.empty() && path.back() + 1 == widths[path.size() - 1]) path.pop_back();
        if (path.empty()) return runs;
        ++path.back();
    }
}

using enum Step;

TEST(ReservedIovaRaces, GetAndPutOfOneDoorbellByTwoCpus) {
    const u64 runs = every_interleaving({Get, Put, Get}, {Get, Put, Get}, 4);
    EXPECT_GT(runs, 1000u);
}

TEST(ReservedIovaRaces, TwoDoorbellsInAWindowForOneAndAHalf) {
    EXPECT_GT(every_interleaving({Get, Put}, {GetOther, PutOther}, 2), 100u);
}

TEST(ReservedIovaRaces, OverlappingRangesNeverShareAGranule) {
    EXPECT_GT(every_interleaving({GetBoth, Put}, {GetOther, PutOther}, 4), 50u);
    EXPECT_GT(every_interleaving({GetBoth}, {Get, GetOther}, 4), 20u);
}

TEST(ReservedIovaRaces, WindowThatIsFreedUnderAGet) {
    EXPECT_GT(every_interleaving({Get, Get}, {Free}, 2), 5u);
    EXPECT_GT(every_interleaving({Get, Put}, {Get, Free}, 2), 100u);
}

TEST(ReservedIovaRaces, WindowThatIsFreedAndAllocatedAgainUnderGets) {
    EXPECT_GT(every_interleaving({Get, Put, Get}, {Free, Alloc, Get}, 2), 500u);
}

}  // namespace
}  // namespace smmusim::test
