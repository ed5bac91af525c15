// One ITS in time: translates messages of devices, executes commands in order, keeps what it read in caches.
#pragma once

#include "gic/arch/its.hpp"
#include "gic/arch/its_environment.hpp"
#include "gic/arch/its_translation.hpp"
#include "gic/uarch/config.hpp"
#include "gic/uarch/frame.hpp"
#include "gic/uarch/its_entries.hpp"
#include "gic/uarch/lines.hpp"
#include "sim/assoc_cache.hpp"
#include "sim/resources.hpp"
#include "sim/spread.hpp"

namespace smmusim::gic::uarch {

class Its;

/// Why a message ended without an interrupt, at the ITS.
struct ItsDrops {
    u64 disabled = 0;
    u64 device_out_of_range = 0;
    u64 unmapped_device = 0;
    u64 event_out_of_range = 0;
    u64 unmapped_event = 0;
    u64 unmapped_collection = 0;
    u64 unmapped_vpe = 0;
    u64 invalid_entry = 0;
    u64 table_access = 0;
};

/// The last command that failed, for whoever debugs a driver.
struct CommandFailure {
    u32 code = 0;  ///< 0x01CCEE; 0: none failed since reset
    u64 offset = 0;
    spec::ItsCommand command;
};

/// Something on its way through the ITS: a translation, then a message to a redistributor. The epochs of commands
/// are told apart by `sequence`; a command marks those in its scope as stale, and they fill no cache.
class Flight : public sim::intrusive::list_base_hook<sim::AutoUnlink> {
public:
    enum class Stage : u8 { Translating, Sent };

    explicit Flight(Its& its);
    ~Flight();
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;

    /// The message leaves towards this redistributor; `other` is one that it goes on to.
    void send(u32 redistributor, u32 other = sim::no_id);
    bool concerns(u32 redistributor) const {
        return stage == Stage::Translating || target == redistributor || onward == redistributor;
    }

    u64 sequence;
    u32 device = sim::no_id;  ///< none for a command's message
    u32 event = sim::no_id;
    u32 icid = sim::no_id;  ///< once known
    u32 vpe = sim::no_id;   ///< once known
    Stage stage = Stage::Translating;
    u32 target = sim::no_id;
    u32 onward = sim::no_id;
    bool stale = false;

private:
    Its& its_;
};

class Its final : public arch::ItsListener,
                  public arch::ItsEnvironment,
                  public RegisterFrame<arch::Its, spec::its_registers<arch::Its>> {
public:
    struct Surroundings {
        sim::Simulation& simulation;
        const sim::Clock& clock;
        sim::Port& memory;
        std::vector<LpiReceiver*> redistributors;  ///< by Processor_Number
        ErrorLine& errors;
    };

    /// `name` is the path of its waits and statistics: "its0".
    Its(const Surroundings& surroundings, const ItsConfig& config, const GicConfig& gic, const std::string& name,
        u64 base, u32 number);
    ~Its() = default;

    void reset();

    const arch::Its& state() const { return state_; }
    const CommandFailure& last_failure() const { return failure_; }
    const ItsDrops& drops() const { return drops_; }
    void statistics(sim::StatisticsVisitor& visit);

private:
    friend class Flight;
    class MessageTables;

    struct Key {
        u32 id = 0;
        bool operator==(const Key&) const = default;
        u64 hash() const { return sim::spread(u64{id}); }
    };
    struct EventKey {
        u32 device = 0;
        u32 event = 0;
        bool operator==(const EventKey&) const = default;
        u64 hash() const { return sim::spread(event, device); }
    };
    /// A message that a command sends.
    struct Order {
        enum class Kind : u8 { Set, Clear, Discard, Move, MoveAll, Invalidate, InvalidateAll };
        Kind kind;
        u32 redistributor;
        u32 intid = 0;
        u32 onward = sim::no_id;
    };

    // The frame: GITS_TRANSLATER
    bool take_message(sim::Access& access, u64 offset) override;
    bool take_over(sim::Access& access, u64 offset) override;
    bool is_message(const sim::Access& access, u64 offset) const;
    bool is_virtual_sgi(const sim::Access& access, u64 offset) const;
    sim::Task<> virtual_sgi(u64 value);

    // Messages
    sim::Task<> message(sim::Access* access, u32 device, u32 event, std::shared_ptr<sim::Journey> journey);
    sim::Task<> keep_order(const Flight& flight);
    void drop(u64& reason, const std::shared_ptr<sim::Journey>& journey, u32 device, u32 event);
    u64& reason(spec::ItsError error);

    // Commands
    sim::Task<> run_commands();
    sim::Task<> deliver(Order order);
    sim::Task<> deliver_virtual(arch::VirtualOrder order);
    /// A command's message may leave for the redistributor.
    sim::Task<> in_turn(const Flight& flight, u32 redistributor);
    void post(const Order& order);
    void note(const spec::ItsCommand& command, spec::ItsError error);
    template <class Scope>
    void mark_stale(Scope in_scope);
    /// Whether something that began before `sequence` is in scope.
    template <class Scope>
    bool any_before(u64 sequence, Scope in_scope) const {
        for (const Flight& flight : flights_)
            if (flight.sequence < sequence && in_scope(flight)) return true;
        return false;
    }

    // Memory
    Time after(u32 cycles) const { return clock_.after(simulation_.now(), cycles); }
    void trace_read(u64 address, u64 word, bool ok) const;
    sim::AccessPtr memory_access(sim::Command command, sim::TransactionClass what, u64 address, u32 size,
                                 const sim::MemoryAttributes& attributes);
    struct Place {
        u64 address = 0;
        arch::TableAccess access = arch::TableAccess::Done;
    };
    /// Where an entry is; level 1 of an indirect table costs a read.
    sim::Task<Place> locate(TableEntry entry, u64* reads);
    /// `reads` counts.
    template <class Entry>
    sim::Task<arch::Fetched<Entry>> read_entry(TableEntry entry, u64* reads);
    template <class Entry>
    sim::Task<arch::TableAccess> write_entry(TableEntry entry, Entry value);
    TableEntry event_place(const spec::DeviceEntry& device, u32 event) const {
        return event_entry(device, event, state_.event_entry_bytes(), state_.device_baser());
    }
    TableEntry vpe_entry(u32 vpe) const { return {state_.vpe_table(), vpe, state_.vpe_baser()}; }
    TableEntry device_entry(u32 device) const { return {state_.device_table(), device, state_.device_baser()}; }
    TableEntry collection_entry(u32 icid) const {
        return {state_.collection_table(), state_.collection_index(icid), state_.collection_baser()};
    }

    // arch::ItsListener
    void enabled_changed(bool enabled) override;
    void queue_written() override;
    bool busy() const override { return quiescing_; }
    sim::Task<> quiesce();

    // arch::ItsEnvironment, for commands: through the caches without filling them
    sim::Task<arch::Fetched<spec::DeviceEntry>> read_device(u32 device) override;
    sim::Task<arch::Fetched<spec::TranslationEntry>> read_event(spec::DeviceEntry table, u32 device,
                                                                u32 event) override;
    sim::Task<arch::Fetched<spec::CollectionEntry>> read_collection(u32 icid) override;
    sim::Task<arch::TableAccess> write_device(u32 device, spec::DeviceEntry entry) override;
    sim::Task<arch::TableAccess> write_event(spec::DeviceEntry table, u32 device, u32 event,
                                             spec::TranslationEntry entry) override;
    sim::Task<arch::Fetched<spec::VpeEntry>> read_vpe(u32 vpe) override;
    sim::Task<arch::TableAccess> write_vpe(u32 vpe, spec::VpeEntry entry) override;
    sim::Task<arch::TableAccess> write_collection(u32 icid, spec::CollectionEntry entry) override;
    sim::Task<> drain_event(u32 device, u32 event) override;
    sim::Task<> drain_device(u32 device) override;
    sim::Task<> drain_all() override;
    sim::Task<> synchronize(u32 redistributor) override;
    void send(arch::VirtualOrder order) override;
    void set_pending(u32 redistributor, u32 intid) override { post({Order::Kind::Set, redistributor, intid}); }
    void clear_pending(u32 redistributor, u32 intid) override { post({Order::Kind::Clear, redistributor, intid}); }
    void discard(u32 redistributor, u32 intid) override { post({Order::Kind::Discard, redistributor, intid}); }
    void move_pending(u32 from, u32 to, u32 intid) override { post({Order::Kind::Move, from, intid, to}); }
    void move_all_pending(u32 from, u32 to) override { post({Order::Kind::MoveAll, from, 0, to}); }
    void invalidate(u32 redistributor, u32 intid) override { post({Order::Kind::Invalidate, redistributor, intid}); }
    void invalidate_all(u32 redistributor) override { post({Order::Kind::InvalidateAll, redistributor}); }

    sim::Simulation& simulation_;
    const sim::Clock& clock_;
    sim::Port& memory_;
    std::vector<LpiReceiver*> redistributors_;
    ErrorLine& errors_;
    ItsConfig config_;
    std::string path_;
    std::string table_wait_;
    std::string queue_wait_;
    arch::Its state_;

    sim::AssocCache<Key, spec::DeviceEntry> device_cache_;
    sim::AssocCache<EventKey, spec::TranslationEntry> event_cache_;
    sim::AssocCache<Key, spec::CollectionEntry> collection_cache_;
    sim::AssocCache<Key, spec::VpeEntry> vpe_cache_;

    bool running_ = false;    ///< a command is being executed
    bool quiescing_ = false;  ///< Enabled fell, and something is under way or cached still
    Time accept_free_ = 0;
    u64 sequence_ = 0;
    CommandFailure failure_;

    u64 translations_ = 0;
    u64 commands_ = 0;
    u64 syncs_ = 0;
    u64 command_errors_ = 0;
    u64 table_reads_ = 0;
    u64 command_reads_ = 0;
    u64 command_writes_ = 0;
    u64 command_fetches_ = 0;
    u64 device_misses_ = 0;
    u64 event_misses_ = 0;
    u64 collection_misses_ = 0;
    u64 vpe_misses_ = 0;
    ItsDrops drops_;
    sim::Histogram sync_latency_;

    sim::intrusive::list<Flight, sim::intrusive::constant_time_size<false>> flights_;
    sim::Signal progress_;  ///< a flight was sent or ended
    sim::Slots translation_slots_;
    sim::Slots message_credits_;
    sim::Scope scope_;
};

template <class Entry>
sim::Task<arch::Fetched<Entry>> Its::read_entry(TableEntry entry, u64* reads) {
    arch::Fetched<Entry> result;
    const Place place = co_await locate(entry, reads);
    result.access = place.access;
    if (place.access != arch::TableAccess::Done) co_return result;
    ++*reads;
    const sim::AccessPtr access = memory_access(sim::Command::Read, sim::TransactionClass::TableWalk, place.address,
                                                static_cast<u32>(entry.table.entry_bytes), entry.attributes);
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, table_wait_);
    if (sim::succeeded(status)) std::memcpy(result.entry.words.data(), access->data(), entry.table.entry_bytes);
    else result.access = arch::TableAccess::Refused;
    trace_read(place.address, result.entry.words[0], sim::succeeded(status));
    co_return result;
}

template <class Entry>
sim::Task<arch::TableAccess> Its::write_entry(TableEntry entry, Entry value) {
    const Place place = co_await locate(entry, &command_reads_);
    if (place.access != arch::TableAccess::Done) co_return place.access;
    ++command_writes_;
    const sim::AccessPtr access = memory_access(sim::Command::Write, sim::TransactionClass::TableWalk, place.address,
                                                static_cast<u32>(entry.table.entry_bytes), entry.attributes);
    std::memcpy(access->data(), value.words.data(), entry.table.entry_bytes);
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, table_wait_);
    co_return sim::succeeded(status) ? arch::TableAccess::Done : arch::TableAccess::Refused;
}

}  // namespace smmusim::gic::uarch
