// The SMMU with its counter groups as software reaches them.
#pragma once

#include <map>

#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule {

// Offsets of registers of a group (IHI 0070, 10.5.1).
namespace pmcg {
inline constexpr u64 EVCNTR = 0x000, EVTYPER = 0x400, SVR = 0x600, SMR = 0xA00;
inline constexpr u64 CNTENSET0 = 0xC00, CNTENCLR0 = 0xC20, INTENSET0 = 0xC40, INTENCLR0 = 0xC60;
inline constexpr u64 OVSCLR0 = 0xC80, OVSSET0 = 0xCC0, CAPR = 0xD88, SCR = 0xDF8, CFGR = 0xE00, CR = 0xE04;
inline constexpr u64 IIDR = 0xE08, CEID0 = 0xE20, CEID1 = 0xE28, ROOTCR = 0xE48, IRQ_CTRL = 0xE50, IRQ_CTRLACK = 0xE54;
inline constexpr u64 IRQ_CFG0 = 0xE58, IRQ_CFG1 = 0xE60, IRQ_CFG2 = 0xE64, IRQ_STATUS = 0xE68, AIDR = 0xE70;
inline constexpr u64 page1 = 0x1'0000;
inline constexpr u64 cycles = 0, transaction = 1, tlb_miss = 2, config_cache_miss = 3, trans_table_walk_access = 4,
                     config_struct_access = 5, ats_requests = 6, ats_passed = 7;
inline constexpr u64 span = u64{1} << 29, overflow_captures = u64{1} << 31;
inline constexpr u32 every_stream = 0xFFFF'FFFF;
}  // namespace pmcg

/// The registers of one group of an SMMU.
class PmcgPort {
public:
    PmcgPort(sim::Simulation& simulation, uarch::Smmu& smmu, std::size_t number)
        : simulation_(simulation), group_(smmu.pmcg(number)) {}

    u64 read(u64 offset, u32 size = 4) { return access(sim::Command::Read, offset, size, 0); }
    void write(u64 offset, u64 value, u32 size = 4) { access(sim::Command::Write, offset, size, value); }
    /// The counter counts the event, of every stream unless told otherwise, from `value` on; not enabled yet.
    void configure(u32 counter, u64 type, u32 stream = pmcg::every_stream, u64 value = 0) {
        write(pmcg::EVTYPER + 4 * counter, type | (stream == pmcg::every_stream ? pmcg::span : 0));
        write(pmcg::SMR + 4 * counter, stream);
        set_value(counter, value);
    }
    void start(u64 counters = ~u64{0}) {
        write(pmcg::CNTENSET0, counters, 8);
        write(pmcg::CR, 1);
    }
    void stop() { write(pmcg::CR, 0); }
    void set_value(u32 counter, u64 value) { write(pmcg::EVCNTR + stride() * counter, value, stride()); }
    u64 value(u32 counter) { return read(pmcg::EVCNTR + stride() * counter, stride()); }
    u64 captured(u32 counter) { return read(pmcg::SVR + stride() * counter, stride()); }
    u64 overflowed() { return read(pmcg::OVSSET0, 8); }

private:
    u32 stride() { return (read(pmcg::CFGR) >> 8 & 0x3F) > 31 ? 8 : 4; }
    u64 access(sim::Command command, u64 offset, u32 size, u64 value) {
        Client client(simulation_);
        client.access = simulation_.accesses().make(command, group_.base() + offset, size);
        client.access->set_value(value);
        client.access->push(client);
        group_.registers().receive(*client.access, simulation_.now());
        return client.access->value();
    }

    sim::Simulation& simulation_;
    uarch::Pmcg& group_;
};

/// Every statistic by name.
class StatisticsByName final : public sim::StatisticsVisitor {
public:
    explicit StatisticsByName(sim::HasStatistics& component) { component.statistics(*this); }
    u64 operator[](const std::string& name) const { return values_.at(name); }

    void counter(const char* name, u64& value, const char*, const char*) override { values_[path(name)] = value; }
    void gauge(const char* name, u64 value, const char*, const char*) override { values_[path(name)] = value; }
    void derived(const char*, double, const char*, const char*) override {}
    void text(const char*, const std::string&, const char*) override {}
    void latency(const char*, sim::Histogram&, const char*) override {}
    void distribution(const char*, sim::Histogram&, const char*, const char*) override {}
    void enter(const std::string& name) override { parts_.push_back(name); }
    void leave() override { parts_.pop_back(); }

private:
    std::string path(const char* name) const {
        std::string whole;
        for (const std::string& part : parts_) whole += part + ".";
        return whole + name;
    }
    std::vector<std::string> parts_;
    std::map<std::string, u64> values_;
};

class PmcgMachine : public RuleMachine {
public:
    using PmcgChange = std::function<void(uarch::PmcgConfig&)>;
    explicit PmcgMachine(const PmcgChange& change = {})
        : RuleMachine(WithConfig{},
                      [&](uarch::SmmuConfig& config) {
                          if (change) change(config.pmcg);
                      }) {}
    explicit PmcgMachine(WithConfig, const ConfigChange& change) : RuleMachine(WithConfig{}, change) {}

    PmcgPort tcu{simulation, smmu, 0};
    PmcgPort tbu{simulation, smmu, 1};
};

}  // namespace smmusim::test::rule
