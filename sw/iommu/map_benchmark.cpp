#include "sw/iommu/map_benchmark.hpp"

namespace smmusim::sw::iommu {

namespace {

struct Sum {
    MapCost spent;
    int error = 0;
    std::size_t running = 0;
};

/// The rounds of one CPU.
Task<int> rounds(cpu::Cpu& cpu, Domain& domain, const MapPlan& plan, MapCost& spent) {
    const sim::Simulation& simulation = cpu.simulation();
    for (u64 round = 0; round <= plan.rounds; ++round) {
        const Time began = simulation.now();
        const int error = co_await domain.map(cpu, plan.iova, plan.address, plan.size, plan.prot);
        if (error != 0) co_return error;
        const Time mapped = simulation.now();
        const Result<u64> unmapped = co_await domain.unmap(cpu, plan.iova, plan.size);
        if (!unmapped) co_return unmapped.error();
        if (*unmapped != plan.size) co_return -EFAULT;
        if (round == 0) continue;
        spent.map += mapped - began;
        spent.unmap += simulation.now() - mapped;
    }
    co_return 0;
}

Task<> thread(cpu::Cpu& cpu, Domain& domain, MapPlan plan, Sum& sum, sim::Signal& finished) {
    const int error = co_await rounds(cpu, domain, plan, sum.spent);
    if (sum.error == 0) sum.error = error;
    --sum.running;
    finished.notify_all();
}

}  // namespace

Task<Result<MapCost>> measure_mapping(Domain& domain, std::vector<cpu::Cpu*> cpus, MapPlan plan) {
    if (cpus.empty() || plan.rounds == 0) co_return Error(-EINVAL);
    Sum sum;
    sum.running = cpus.size();
    sim::Simulation& simulation = cpus.front()->simulation();
    sim::Signal finished(simulation, "the CPUs that map");
    sim::Scope threads(simulation, "map benchmark");
    for (cpu::Cpu* const cpu : cpus) {
        threads.spawn("maps and unmaps", thread(*cpu, domain, plan, sum, finished));
        plan.iova += plan.size;
        plan.address += plan.size;
    }
    while (sum.running != 0) co_await finished.wait();
    if (sum.error != 0) co_return Error(sum.error);
    const u64 calls = u64{plan.rounds} * cpus.size();
    co_return MapCost{sum.spent.map / calls, sum.spent.unmap / calls};
}

}  // namespace smmusim::sw::iommu
