// The event queue: writes records to memory one after another and raises the interrupt (IHI 0070, 3.5.3, 7.2).
#pragma once

#include <deque>

#include "sim/access.hpp"
#include "sim/clock.hpp"
#include "sim/resources.hpp"
#include "sim/statistics.hpp"
#include "smmu/arch/registers.hpp"
#include "smmu/uarch/config.hpp"
#include "smmu/uarch/interrupts.hpp"

namespace smmusim::smmu::uarch {

/// Told of each record when it is visible in memory.
class EventListener {
public:
    virtual void recorded(Time at, const spec::Event& event) = 0;

protected:
    ~EventListener() = default;
};

/// Told what becomes of the records of stalled transactions.
class StallRecords {
public:
    /// Whether the transaction of the tag still waits for its record.
    virtual bool awaits_record(u16 tag) const = 0;
    virtual void stall_recorded(u16 tag) = 0;
    /// The queue cannot take the record now; it is asked again when the transaction has been translated again.
    virtual void stall_not_recorded(u16 tag) = 0;
    /// The queue can take records (again).
    virtual void room_for_stalls() = 0;

protected:
    ~StallRecords() = default;
};

class EventQueue {
public:
    EventQueue(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
               arch::Registers& registers, sim::Port& memory, Interrupts& interrupts, StallRecords& stalls);

    /// A record on its way to the queue. It is dropped if the queue is off, and overflows if the queue is full.
    void record(const spec::Event& event);
    /// Can a record be written now (3.5.3)?
    bool writable() const;
    /// Software made room, acknowledged an error or enabled the queue.
    void changed();
    /// Everything recorded before the call is visible or discarded.
    sim::Task<> settled();
    /// No write is under way.
    sim::Task<> idle();
    void set_listener(EventListener* listener) { listener_ = listener; }
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

private:
    sim::Task<> write();
    sim::Task<bool> deliver(const spec::Event& event);

    sim::Simulation& simulation_;
    std::string name_;
    std::string write_name_;
    TcuConfig config_;
    const sim::Clock& clock_;
    arch::Registers& registers_;
    sim::Port& memory_;
    Interrupts& interrupts_;
    StallRecords& stalls_;
    sim::Scope scope_;
    sim::Signal progress_;
    EventListener* listener_ = nullptr;
    std::deque<spec::Event> waiting_;
    bool writing_ = false;
    u64 accepted_ = 0;  ///< records that entered
    u64 left_ = 0;      ///< records written or discarded
    u64 records_ = 0;
    u64 dropped_ = 0;
};

}  // namespace smmusim::smmu::uarch
