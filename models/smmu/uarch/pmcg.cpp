#include "smmu/uarch/pmcg.hpp"

namespace smmusim::smmu::uarch {

namespace {

arch::PmcgShape shape_of(const PmcgConfig& config, const spec::Identification& identification, u64 events) {
    arch::PmcgShape shape;
    shape.counters = config.counters;
    shape.counter_bits = config.counter_bits;
    shape.shared_filter = config.filter == StreamFilter::Group;
    shape.capture = config.capture;
    shape.msi = config.msi;
    shape.relocated = config.relocated;
    shape.events = events;
    shape.stream_bits = identification.idr1.SIDSIZE;
    shape.minor_revision = identification.aidr.ArchMinorRev;
    return shape;
}

}  // namespace

Pmcg::Pmcg(const Surroundings& surroundings, std::string name, const PmcgConfig& config,
           const spec::Identification& identification, u64 events, u64 base)
    : surroundings_(surroundings),
      name_(std::move(name)),
      write_name_(name_ + ": the write of a message"),
      base_(base),
      device_id_(config.device_id),
      registers_(shape_of(config, identification, events), *this),
      target_(surroundings.simulation, name_, base, surroundings.register_latency, registers_),
      scope_(surroundings.simulation, name_),
      progress_(surroundings.simulation, name_ + ": earlier messages") {}

Pmcg::~Pmcg() {
    surroundings_.simulation.scheduler().cancel(overflow_);
    surroundings_.tap.listen(*this, 0);
}

u64 Pmcg::cycle() const { return surroundings_.clock.cycle_at(surroundings_.simulation.now() + 1) - 1; }

void Pmcg::counting_changed() {
    surroundings_.tap.listen(*this, registers_.counters().listening());
    sim::Scheduler& scheduler = surroundings_.simulation.scheduler();
    scheduler.cancel(std::exchange(overflow_, {}));
    const std::optional<u64> next = registers_.counters().next_overflow();
    if (!next) return;
    const u128 at = static_cast<u128>(*next) * second / surroundings_.clock.hertz();
    // A machine in which nothing else happens is idle, whatever the counters of cycles do.
    if (at < end_of_time)
        overflow_ = scheduler.at(surroundings_.clock.edge(*next), &Pmcg::overflow_due, this, nullptr,
                                 sim::Scheduler::Kind::Timer);
}

void Pmcg::overflow_due(void* group, void*) {
    Pmcg& self = *static_cast<Pmcg*>(group);
    self.overflow_ = {};
    self.registers_.settle();
    self.counting_changed();
}

void Pmcg::interrupt() {
    if (registers_.interrupts_in_force() == 0) return;  // overrides every INTEN (10.5.2.19)
    ++interrupts_;
    if (surroundings_.wire != nullptr) surroundings_.wire->pulse();
    const arch::InterruptMessage message = registers_.message();
    if (message.address == 0) return;
    ++sent_;
    scope_.spawn("a message", send(message));
}

sim::Task<> Pmcg::send(arch::InterruptMessage message) {
    sim::Simulation& simulation = surroundings_.simulation;
    const sim::AccessPtr access = simulation.accesses().make(sim::Command::Write, message.address, 4);
    access->attributes.transaction_class = sim::TransactionClass::Message;
    access->attributes.privileged = true;
    access->attributes.device_id = device_id_;
    access->attributes.memory = message.memory;
    access->set_value(message.data);
    const sim::Status status = co_await sim::transfer(simulation, surroundings_.memory, *access, write_name_);
    ++messages_;
    ++finished_;
    if (!sim::succeeded(status)) {
        ++aborted_;
        registers_.message_aborted();
    }
    progress_.notify_all();
}

void Pmcg::interrupt_update_requested() {
    if (std::exchange(updating_, true)) return;
    scope_.spawn("an update of IRQ_CTRL", update_interrupts());
}

sim::Task<> Pmcg::update_interrupts() {
    while (registers_.interrupts_requested() != registers_.interrupts_in_force()) {
        co_await surroundings_.simulation.delay(surroundings_.update_latency);
        const u64 after = registers_.interrupts_requested();
        // 10.5.2.19: disabling is complete when earlier messages are.
        if (after == 0)
            while (finished_ < sent_) co_await progress_.wait();
        registers_.acknowledge_interrupts(after);
    }
    updating_ = false;
}

void Pmcg::reset() {
    scope_.cancel();
    sent_ = finished_ = 0;
    updating_ = false;
    registers_.reset();
}

void Pmcg::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("overflows", registers_.counters().overflows, "1", "overflows of counters");
    visit.counter("captures", registers_.counters().captures, "1", "captures of all counters");
    visit.counter("interrupts", interrupts_, "1", "interrupts for overflows, by wire, message or both");
    visit.counter("messages", messages_, "1", "interrupt messages written");
    visit.counter("messages_aborted", aborted_, "1", "interrupt messages that nothing took");
}

}  // namespace smmusim::smmu::uarch
