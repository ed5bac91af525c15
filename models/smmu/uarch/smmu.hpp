// One SMMU: TBUs, a TCU, the queues and the registers, joined.
#pragma once

#include <deque>

#include "smmu/arch/explain.hpp"
#include "smmu/arch/functional.hpp"
#include "smmu/uarch/command_queue.hpp"
#include "smmu/uarch/drain.hpp"
#include "smmu/uarch/event_queue.hpp"
#include "smmu/uarch/pmcg.hpp"
#include "smmu/uarch/pri_queue.hpp"
#include "smmu/uarch/register_target.hpp"
#include "smmu/uarch/stalls.hpp"
#include "smmu/uarch/tbu.hpp"
#include "smmu/uarch/tcu.hpp"

namespace smmusim::smmu::uarch {

/// What an inspection of one access found.
struct Inspection {
    arch::TranslationResult result;
    std::vector<arch::Step> steps;
};

class Smmu final : public sim::HasStatistics,
                   private TranslationService,
                   private CommandTarget,
                   private StallRecords,
                   private PageRequestService,
                   private sim::AtcCompletion,
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
    /// Whether a TBU can be full; then it says when it takes an access in (sim::Acceptance).
    bool bounded(std::size_t index) const { return config_.tbus[index].transactions != 0; }
    /// The newest transactions of a TBU, oldest first; none unless its configuration keeps records.
    std::vector<TransactionRecord> transactions(std::size_t index) const { return tbus_[index]->records(); }
    /// The use of the slots from the beginning until now; empty unless the configuration keeps it.
    std::vector<sim::SlotHistory> occupancy();
    /// 128 KiB of registers; addresses are absolute.
    sim::Target& registers() { return register_target_; }
    /// A register by its architected name, as a read would return it.
    u64 read_register(std::string_view name, bool& found) { return registers_.read_named(name, found); }
    static std::vector<std::string_view> register_names() { return arch::Registers::names(); }
    const spec::Identification& id() const { return config_.identification; }

    /// Counter groups: of the TCU, then of each TBU; none if the SMMU has no performance monitors.
    std::size_t pmcg_count() const { return pmcgs_.size(); }
    Pmcg& pmcg(std::size_t index) { return *pmcgs_[index]; }

    /// What would happen to an access: reads memory, changes nothing. `cached`: as the hardware would answer now.
    Inspection inspect(const arch::Request& request, bool cached = false, std::size_t tbu = 0);
    /// Why: every structure read and the rule that decided. `seen`, if set, is told of each read.
    arch::Explanation explain(const arch::Request& request, const std::function<void(const arch::Fetch&)>& seen = {});

    /// Where ATC invalidations and page responses go; without, both vanish as if answered.
    void set_requesters(sim::AtsRequesters* requesters) { requesters_ = requesters; }
    /// A page request arrives now.
    void page_request(const sim::PageRequest& request) { pages_.request(request); }
    /// A device hints that it will want pages: E_PAGE_REQUEST, for software that cares. `pages`: of 4 KiB.
    void page_hint(const sim::PageRequest& request, u8 pages);
    /// Transactions that wait for software to resume them.
    std::size_t stalled() const { return stalls_.size(); }

    void set_event_listener(EventListener* listener) { events_.set_listener(listener); }
    void reset();
    void statistics(sim::StatisticsVisitor& visit) override;

private:
    // TranslationService
    void translate(Pending& pending) override { tcu_.translate(pending); }
    void record(const arch::Outcome& outcome) override;
    const arch::Control& control() const override { return registers_.control(); }
    const spec::Identification& identification() const override { return config_.identification; }
    void finished(Time at) override { drain_.finished(at); }
    void stall(Pending& pending) override;
    // StallRecords
    bool awaits_record(u16 tag) const override { return stalls_.find(tag) != nullptr; }
    void stall_recorded(u16 tag) override { stalls_.find(tag)->recorded_stall = true; }
    void stall_not_recorded(u16 tag) override { stalls_.withdraw(tag); }
    void room_for_stalls() override;
    // PageRequestService
    sim::Task<ResponsePasid> response_pasid(u32 stream) override;
    void answer(const sim::PageResponse& response) override;
    // AtcCompletion
    void atc_invalidated(u64 ticket) override;
    // CommandTarget
    void invalidate(const arch::ConfigurationScope& scope) override;
    void invalidate(const arch::TranslationScope& scope) override;
    void prefetch(const arch::Prefetch& prefetch) override;
    void invalidate(const sim::AtcInvalidation& invalidation) override;
    void respond(const sim::PageResponse& response) override;
    void resume(const arch::Resume& resume) override;
    void terminate_stalls(u32 stream) override;
    sim::Task<bool> synchronise() override;
    void signal_completion(const arch::CompletionSignal& signal) override { interrupts_.signal(signal); }
    void command_queue_has_room() override { interrupts_.wake_up(); }
    // RegisterEffects
    void control_update_requested() override;
    void interrupt_update_requested() override;
    void bypass_update_requested() override;
    void command_queue_changed() override { commands_.changed(); }
    void event_queue_changed() override { events_.changed(); }
    void global_error_raised(spec::GlobalError error) override;
    void address_translation_requested() override;
    bool dormant() const override;

    void observe(std::string name, sim::Slots& slots);
    void build_monitors(const std::vector<sim::InterruptInput*>& wires);
    template <class Scope>
    void mark(const Scope& scope);
    /// `effective`: events are recorded and descriptors updated, as by a transaction.
    arch::Outcome functional(const arch::Request& request, bool effective);
    Inspection walk_functionally(const arch::Request& request, bool update);
    bool read_memory(const arch::Fetch& fetch, void* data);
    arch::FetchedDescriptor update_memory(const arch::Fetch& fetch, u64 expected, u64 desired);
    sim::Task<> update_control();
    sim::Task<> update_interrupts();
    sim::Task<> update_bypass();
    sim::Task<> run_address_operation();
    void end_stall(Pending& pending, arch::Disposition disposition);
    /// No ATC invalidation is outstanding; false if that took too long.
    sim::Task<bool> atc_settled();

    sim::Simulation& simulation_;
    std::string name_;
    SmmuConfig config_;
    sim::Clock clock_;
    std::deque<std::pair<std::string, sim::Occupancy>> observed_;  ///< before the slots that report to it
    std::deque<sim::Clock> tbu_clocks_;                            ///< of those with one of their own
    sim::Port& memory_;
    arch::Registers registers_;
    RegisterTarget<arch::Registers> register_target_;
    Drain drain_;
    Tcu tcu_;
    Interrupts interrupts_;
    StallTable stalls_;
    EventQueue events_;
    PriQueue pages_;
    CommandQueue commands_;
    std::vector<std::unique_ptr<Tbu>> tbus_;
    std::vector<std::unique_ptr<Pmcg>> pmcgs_;
    sim::AtsRequesters* requesters_ = nullptr;
    std::set<u64> atc_outstanding_;  ///< tickets of ATC invalidations
    u64 atc_ticket_ = 0;
    sim::Signal atc_progress_;
    sim::Scope scope_;
    bool control_updating_ = false;
    bool interrupts_updating_ = false;
    bool bypass_updating_ = false;
    u64 atc_invalidations_ = 0;
    u64 page_responses_ = 0;
    u64 global_errors_ = 0;
};

}  // namespace smmusim::smmu::uarch
