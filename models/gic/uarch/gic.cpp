#include "gic/uarch/gic.hpp"

#include <fmt/format.h>

#include <cassert>

namespace smmusim::gic::uarch {

RedistributorRegion::RedistributorRegion(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config,
                                         u32 cpus)
    : Frame(simulation, "gicr", clock, config.redistributor.base, cpus * spec::redistributor_size(config.version),
            config.register_cycles),
      frames_(spec::redistributor_size(config.version)),
      registers_(cpus) {}

void RedistributorRegion::attach(Redistributor& redistributor) { redistributors_.push_back(&redistributor); }

bool RedistributorRegion::defined(u64 offset, u32 size) const {
    return registers_[offset / frames_].defined(offset % frames_, size);
}

u64 RedistributorRegion::read(u64 offset, u32 size) {
    const std::size_t cpu = offset / frames_;
    return registers_[cpu].read(redistributors_[cpu]->state(), offset % frames_, size);
}

void RedistributorRegion::write(u64 offset, u32 size, u64 value) {
    const std::size_t cpu = offset / frames_;
    registers_[cpu].write(redistributors_[cpu]->state(), offset % frames_, size, value);
}

bool RedistributorRegion::take_message(sim::Access& access, u64 offset) {
    if (access.command != sim::Command::Write || offset % frames_ != spec::gicr_setlpir) return false;
    // 12.11, GICR_SETLPIR: 64 bits, or 32 that are extended by zeros.
    Redistributor& redistributor = *redistributors_[offset / frames_];
    if (!redistributor.state().direct_lpi() || (access.size != 4 && access.size != 8)) return false;
    redistributor.set_lpi(static_cast<u32>(access.value()), access.journey());
    return true;
}

Gic::Gic(sim::Simulation& simulation, const GicConfig& config, const std::vector<ItsConfig>& itss, const Ports& ports)
    : simulation_(simulation),
      config_(config),
      clock_(config.clock),
      distributor_(simulation, clock_, config),
      message_frames_(simulation, clock_, config, static_cast<u32>(ports.redistributors.size()), distributor_),
      region_(simulation, clock_, config, static_cast<u32>(ports.redistributors.size())),
      scope_(simulation, "gic") {
    assert(ports.itss.size() == itss.size());
    const u8 priority_bits = static_cast<u8>(config.priority_bits);
    const u32 cpu_count = static_cast<u32>(ports.redistributors.size());
    std::vector<LpiReceiver*> receivers;
    for (u32 cpu = 0; cpu < cpu_count; ++cpu) {
        cpu_interfaces_.push_back(std::make_unique<CpuInterface>(simulation, fmt::format("icc{}", cpu), clock_,
                                                                 config.cpu_interface, priority_bits, config.id_bits,
                                                                 cpu, *this));
        virtual_cpu_interfaces_.push_back(
            std::make_unique<VirtualCpuInterface>(simulation, clock_, config.cpu_interface, priority_bits,
                                                  config.id_bits, config.version != spec::Version::V3));
        const arch::Redistributor::Identity identity{
            cpu, cpu + 1 == cpu_count, config.id_bits, priority_bits, config.redistributor.direct_lpi, config.version};
        const Redistributor::Surroundings surroundings{simulation,
                                                       clock_,
                                                       *ports.redistributors[cpu],
                                                       distributor_.state(),
                                                       distributor_,
                                                       *cpu_interfaces_.back(),
                                                       *virtual_cpu_interfaces_.back(),
                                                       redistributor_counters_};
        redistributors_.push_back(std::make_unique<Redistributor>(surroundings, config.redistributor, identity));
        Redistributor& redistributor = *redistributors_.back();
        cpu_interfaces_.back()->attach(redistributor, *virtual_cpu_interfaces_.back());
        virtual_cpu_interfaces_.back()->attach(redistributor);
        distributor_.attach(redistributor);
        region_.attach(redistributor);
        receivers.push_back(&redistributor);
        for (u32 intid = spec::first_ppi; intid < spec::first_spi; ++intid)
            private_inputs_.emplace_back(redistributor, intid);
    }
    for (std::size_t index = 0; index < itss.size(); ++index) {
        const Its::Surroundings surroundings{simulation, clock_, *ports.itss[index], receivers, *this};
        const u64 base = itss[index].base != 0 ? itss[index].base : ItsConfig::default_base(index);
        itss_.push_back(std::make_unique<Its>(surroundings, itss[index], config, fmt::format("its{}", index), base,
                                              static_cast<u32>(index)));
    }
}

Gic::~Gic() = default;

void Gic::reset() {
    scope_.cancel();
    for (auto& its : itss_) its->reset();
    for (auto& redistributor : redistributors_) redistributor->reset();
    distributor_.reset();
    for (auto& cpu_interface : cpu_interfaces_) cpu_interface->reset();
    for (auto& cpu_interface : virtual_cpu_interfaces_) cpu_interface->reset();
}

sim::InterruptInput& Gic::private_input(u32 cpu, u32 intid) {
    constexpr u32 ppis = spec::first_spi - spec::first_ppi;
    assert(intid >= spec::first_ppi && intid < spec::first_spi && cpu < cpus());
    return private_inputs_[cpu * ppis + intid - spec::first_ppi];
}

void Gic::send_sgi(u32 sender, u64 request, u8 group) {
    spec::SgiRequest sgi;
    sgi.words[0] = request;
    const u32 intid = static_cast<u32>(sgi[spec::SgiRequest::INTID]);
    const u64 cluster =
        sgi[spec::SgiRequest::Aff3] << 24 | sgi[spec::SgiRequest::Aff2] << 16 | sgi[spec::SgiRequest::Aff1] << 8;
    for (u32 cpu = 0; cpu < cpus(); ++cpu) {
        const u32 affinity = spec::affinity_of(cpu);
        const bool listed =
            (affinity & ~u32{0xFF}) == cluster && (sgi[spec::SgiRequest::TargetList] >> (affinity & 0xF) & 1) != 0;
        const bool target = sgi[spec::SgiRequest::IRM] ? cpu != sender : listed;
        if (target) scope_.spawn("SGI", deliver_sgi(cpu, intid, group));
    }
}

void Gic::report(u32 code) { cpu_interfaces_.front()->system_error(code); }

sim::Task<> Gic::deliver_sgi(u32 target, u32 intid, u8 group) {
    co_await simulation_.until(clock_.after(simulation_.now(), config_.cpu_interface.sgi_cycles));
    redistributors_[target]->send_sgi(intid, group);
}

void Gic::statistics(sim::StatisticsVisitor& visit) {
    visit.enter("gicd");
    distributor_.statistics(visit);
    visit.leave();
    visit.enter("gicr");
    redistributor_counters_.statistics(visit);
    region_.statistics(visit);
    visit.leave();
    for (u32 cpu = 0; cpu < cpus(); ++cpu) {
        visit.enter(fmt::format("icc{}", cpu));
        cpu_interfaces_[cpu]->statistics(visit);
        virtual_cpu_interfaces_[cpu]->statistics(visit);
        visit.leave();
    }
    for (std::size_t index = 0; index < itss_.size(); ++index) {
        visit.enter(fmt::format("its{}", index));
        itss_[index]->statistics(visit);
        visit.leave();
    }
}

}  // namespace smmusim::gic::uarch
