// One SMMU: TBUs, a TCU, the queues and the registers, joined.
#pragma once

#include "smmu/arch/functional.hpp"
#include "smmu/uarch/command_queue.hpp"
#include "smmu/uarch/drain.hpp"
#include "smmu/uarch/event_queue.hpp"
#include "smmu/uarch/tbu.hpp"
#include "smmu/uarch/tcu.hpp"

namespace smmusim::smmu::uarch {

/// The wired interrupts of an SMMU; any of them may be absent.
struct InterruptWires {
    sim::InterruptInput* event = nullptr;
    sim::InterruptInput* pri = nullptr;
    sim::InterruptInput* sync = nullptr;
    sim::InterruptInput* global_error = nullptr;
};

/// What an inspection of one access found.
struct Inspection {
    arch::TranslationResult result;
    std::vector<arch::Step> steps;
};

class Smmu final : public sim::HasStatistics,
                   private TranslationService,
                   private CommandTarget,
                   private arch::RegisterEffects {
public:
    /// `tbu_outputs`: where each TBU sends what it has translated; `memory`: for table walks and queues.
    Smmu(sim::Simulation& simulation, std::string name, const SmmuConfig& config,
         const std::vector<sim::Port*>& tbu_outputs, sim::Port& memory, const InterruptWires& wires);
    ~Smmu();

    const std::string& name() const { return name_; }
    std::size_t tbu_count() const { return tbus_.size(); }
    /// Where client transactions arrive.
    sim::Target& tbu(std::size_t index) { return *tbus_[index]; }
    /// 128 KiB of registers; addresses are absolute.
    sim::Target& registers() { return register_target_; }
    /// A register by its architected name, as a read would return it.
    u64 read_register(std::string_view name, bool& found) { return registers_.read_named(name, found); }
    static std::vector<std::string_view> register_names() { return arch::Registers::names(); }
    const spec::Identification& id() const { return config_.identification; }

    /// What would happen to an access: reads memory, changes nothing. `cached`: as the hardware would answer now.
    Inspection inspect(const arch::Request& request, bool cached = false, std::size_t tbu = 0);

    void set_event_listener(EventListener* listener) { events_.set_listener(listener); }
    void reset();
    void statistics(sim::StatisticsVisitor& visit) override;

private:
    class RegisterTarget final : public sim::Target {
    public:
        explicit RegisterTarget(Smmu& smmu) : smmu_(smmu) {}
        void receive(sim::Access& access, Time at) override;
        Time perform(sim::Access& access) override;
        void inspect(sim::Access& access) override;

    private:
        static void arrived(void* target, void* access);
        void answer(sim::Access& access);
        void apply(sim::Access& access);
        Smmu& smmu_;
    };

    // TranslationService
    sim::Task<arch::TranslationResult> translate(Pending& pending) override { return tcu_.translate(pending); }
    void record(const arch::Outcome& outcome) override;
    const arch::Control& control() const override { return registers_.control(); }
    const spec::Identification& identification() const override { return config_.identification; }
    void finished(Time at) override { drain_.finished(at); }
    // CommandTarget
    void invalidate(const arch::ConfigurationScope& scope) override;
    void invalidate(const arch::TranslationScope& scope) override;
    sim::Task<> synchronise() override;
    void signal_completion() override;
    // RegisterEffects
    void control_update_requested() override;
    void interrupt_update_requested() override;
    void bypass_update_requested() override;
    void command_queue_changed() override { commands_.changed(); }
    void event_queue_changed() override { events_.changed(); }
    void global_error_raised() override;

    template <class Scope>
    void mark(const Scope& scope);
    /// `effective`: events are recorded and descriptors updated, as by a transaction.
    arch::Outcome functional(const arch::Request& request, bool effective);
    Inspection walk_functionally(const arch::Request& request, bool update);
    bool read_memory(const arch::Fetch& fetch, void* data);
    arch::Fetched update_memory(const arch::Fetch& fetch, u64 expected, u64 desired);
    /// Calls `update` once, an update latency from now.
    void schedule_update(bool& scheduled, sim::Scheduler::Function update);

    sim::Simulation& simulation_;
    std::string name_;
    SmmuConfig config_;
    sim::Clock clock_;
    sim::Port& memory_;
    InterruptWires wires_;
    arch::Registers registers_;
    RegisterTarget register_target_;
    Drain drain_;
    Tcu tcu_;
    EventQueue events_;
    CommandQueue commands_;
    std::vector<std::unique_ptr<Tbu>> tbus_;
    bool control_scheduled_ = false;
    bool interrupts_scheduled_ = false;
    bool bypass_scheduled_ = false;
    u64 global_errors_ = 0;
};

}  // namespace smmusim::smmu::uarch
