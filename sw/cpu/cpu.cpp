#include "sw/cpu/cpu.hpp"

#include <fmt/format.h>

#include "sim/bits.hpp"
#include "sim/trace.hpp"

namespace smmusim::sw::cpu {

namespace {
constexpr u64 page_bytes = 4096;
constexpr std::size_t burst_length = 16;  // block accesses under way at once
constexpr u32 spurious_first = 1020;      // IHI 0069, 2.2.1: 1020-1023 are not interrupts
constexpr u32 spurious_last = 1023;
}  // namespace

/// Sends several accesses at once and waits for the last answer.
class Cpu::Burst final : public sim::Waiter, public sim::Initiator {
public:
    Burst(Cpu& cpu, std::vector<sim::AccessPtr>& accesses)
        : Waiter(cpu.simulation_, cpu.bus_name_), cpu_(cpu), accesses_(accesses), remaining_(accesses.size()) {}
    ~Burst() { accesses_.clear(); }  // those under way are abandoned
    bool await_ready() const { return remaining_ == 0; }
    void await_suspend(std::coroutine_handle<> handle) {
        suspend(handle);
        for (const sim::AccessPtr& access : accesses_) {
            access->push(*this);
            cpu_.bus_.send(*access, simulation().now());
        }
    }
    /// The first failure, or ok.
    sim::Status await_resume() const { return status_; }
    void complete(sim::Access& access, Time at) override {
        if (sim::succeeded(status_) && !sim::succeeded(access.status)) status_ = access.status;
        last_ = std::max(last_, at);
        if (--remaining_ == 0) wake(last_);
    }

private:
    Cpu& cpu_;
    std::vector<sim::AccessPtr>& accesses_;
    std::size_t remaining_;
    sim::Status status_ = sim::Status::Ok;
    Time last_ = 0;
};

Cpu::Cpu(sim::Simulation& simulation, u32 index, sim::Port& bus, const CpuConfig& config, SystemRegisters& registers)
    : simulation_(simulation),
      index_(index),
      name_("cpu" + std::to_string(index)),
      bus_(bus),
      config_(config),
      clock_(config.clock),
      registers_(registers),
      cache_(config.cache),
      bus_name_(name_ + ".bus"),
      drain_turn_(simulation, name_ + ".store_buffer", 1),
      signalled_(simulation, name_ + ".interrupt"),
      unmasked_(simulation, name_ + ".interrupt_mask"),
      guest_idle_(simulation, name_ + ".handler_of_the_guest"),
      scope_(simulation, name_) {}

Cpu::~Cpu() { simulation_.scheduler().cancel(timer_); }

sim::AccessPtr Cpu::make(sim::Command command, u64 address, u32 size, bool device) const {
    sim::AccessPtr access = simulation_.accesses().make(command, address, size);
    access->attributes.transaction_class = sim::TransactionClass::Cpu;
    access->attributes.privileged = true;
    if (device) access->attributes.memory = sim::MemoryAttributes::device();
    else access->attributes.memory.shareability = sim::Shareability::InnerShareable;
    return access;
}

Task<sim::Status> Cpu::transfer_one(sim::AccessPtr access) {
    const sim::Status status = co_await sim::transfer(simulation_, bus_, *access, bus_name_);
    co_return status;
}

Task<> Cpu::work(u64 cycles) { co_await simulation_.until(clock_.after(simulation_.now(), cycles)); }

Task<> Cpu::sleep(Time duration) { co_await simulation_.delay(duration); }

Task<Loaded> Cpu::load(u64 address, u32 size) {
    assert(size <= 8 && address % size == 0);
    ++count_.loads;
    co_await work(config_.access_cycles);
    Loaded loaded;
    u8 bytes[8] = {};
    const std::span<u8> wanted(bytes, size);
    if (pending_.forward(address, wanted) == size) {
        loaded.status = sim::Status::Ok;
    } else {
        sim::AccessPtr access = make(sim::Command::Read, address, size, false);
        const std::optional<DataCache::Line> line = line_now(address);
        if (line && cache_.find(address, *line)) {
            co_await work(config_.cache_cycles);
            bus_.inspect(*access);
            loaded.status = access->status;
        } else {
            loaded.status = co_await sim::transfer(simulation_, bus_, *access, bus_name_);
            if (loaded.ok()) keep_line(address);
        }
        if (!loaded.ok()) co_return loaded;
        std::memcpy(bytes, access->data(), size);
        // A CPU reads its own latest store, wherever it is (DDI 0487, B2.3): what drains now, then what waits.
        draining_.forward(address, wanted);
        pending_.forward(address, wanted);
    }
    std::memcpy(&loaded.value, bytes, size);
    co_return loaded;
}

std::optional<DataCache::Line> Cpu::line_now(u64 address) const {
    if (!cache_.present()) return std::nullopt;
    const sim::AccessPtr access = make(sim::Command::Read, DataCache::base(address), DataCache::line_bytes, false);
    bus_.inspect(*access);
    if (access->status != sim::Status::Ok) return std::nullopt;
    DataCache::Line line;
    std::memcpy(line.data(), access->data(), line.size());
    return line;
}

void Cpu::keep_line(u64 address) {
    if (const std::optional<DataCache::Line> line = line_now(address)) cache_.keep(address, *line);
}

Task<> Cpu::store(u64 address, u64 value, u32 size) {
    assert(size <= 8 && address % size == 0);
    ++count_.stores;
    co_await work(config_.access_cycles);
    if (pending_.size() >= config_.store_buffer_entries && !pending_.holds(address)) co_await drain();
    pending_.store(address, size, value);
    if (config_.memory_model == MemoryModel::Strong) co_await drain();
    else start_timer();
}

void Cpu::start_timer() {
    if (timer_) return;
    timer_ = simulation_.scheduler().at(
        simulation_.now() + config_.drain_time,
        [](void* object, void*) {
            Cpu& cpu = *static_cast<Cpu*>(object);
            cpu.timer_ = {};
            cpu.scope_.spawn("drains its store buffer", cpu.drain());
        },
        this);
}

Task<> Cpu::barrier() {
    ++count_.barriers;
    co_await drain();
}

Task<> Cpu::drain() {
    const auto turn = co_await drain_turn_.take();
    if (pending_.empty()) co_return;
    simulation_.scheduler().cancel(timer_);
    timer_ = {};
    draining_.swap(pending_);
    std::vector<sim::AccessPtr> writes;
    // Nothing orders the stores between two barriers: the youngest goes first.
    const auto& words = draining_.words();
    for (auto word = words.rbegin(); word != words.rend(); ++word)
        for (unsigned first = 0; first < 8;) {
            unsigned size = 8;
            const auto covered = [&](unsigned bytes) {
                const u8 lanes = static_cast<u8>(((1u << bytes) - 1) << first);
                return first % bytes == 0 && (word->mask & lanes) == lanes;
            };
            while (size != 0 && !covered(size)) size /= 2;
            if (size == 0) {
                ++first;
                continue;
            }
            writes.push_back(make(sim::Command::Write, word->address + first, size, false));
            std::memcpy(writes.back()->data(), reinterpret_cast<const u8*>(&word->data) + first, size);
            first += size;
        }
    const sim::Status status = co_await Burst(*this, writes);
    if (!sim::succeeded(status)) ++count_.store_errors;
    for (const StoreBuffer::Word& word : draining_.words()) keep_line(word.address);
    draining_.clear();
}

Task<sim::Status> Cpu::read_block(u64 address, std::span<u8> bytes) {
    sim::Status status = sim::Status::Ok;
    for (u64 done = 0; done < bytes.size();) {
        std::vector<sim::AccessPtr> reads;
        const u64 begin = done;
        while (done < bytes.size() && reads.size() < burst_length) {
            const u64 at = address + done;
            const u64 size = std::min<u64>(bytes.size() - done, page_bytes - at % page_bytes);
            reads.push_back(make(sim::Command::Read, at, static_cast<u32>(size), false));
            done += size;
        }
        ++count_.loads;
        co_await work(config_.access_cycles);
        std::vector<sim::Access*> kept;
        for (const auto& read : reads) kept.push_back(read.get());
        Burst burst(*this, reads);
        const sim::Status answer = co_await burst;
        if (!sim::succeeded(answer)) status = answer;
        u64 place = begin;
        for (const sim::Access* read : kept) {
            std::memcpy(bytes.data() + place, read->data(), read->size);
            place += read->size;
        }
    }
    draining_.forward(address, bytes);
    pending_.forward(address, bytes);
    co_return status;
}

Task<sim::Status> Cpu::write_block(u64 address, std::vector<u8> bytes) {
    co_await drain();
    sim::Status status = sim::Status::Ok;
    for (u64 done = 0; done < bytes.size();) {
        std::vector<sim::AccessPtr> writes;
        while (done < bytes.size() && writes.size() < burst_length) {
            const u64 at = address + done;
            const u64 size = std::min<u64>(bytes.size() - done, page_bytes - at % page_bytes);
            writes.push_back(make(sim::Command::Write, at, static_cast<u32>(size), false));
            std::memcpy(writes.back()->data(), bytes.data() + done, size);
            done += size;
        }
        ++count_.stores;
        co_await work(config_.access_cycles);
        const sim::Status answer = co_await Burst(*this, writes);
        if (!sim::succeeded(answer)) status = answer;
    }
    co_return status;
}

Task<sim::Status> Cpu::zero_block(u64 address, u64 size) {
    std::vector<u8> zeros(size);
    const sim::Status status = co_await write_block(address, std::move(zeros));
    co_return status;
}

void Cpu::note_mmio(const char* what, u64 address, u64 value, u32 size) const {
    if (auto* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Mmio))
        trace->line(sim::Trace::Kind::Mmio, simulation_.now(), name_,
                    fmt::format("{}{} {:#x} {} {:#x}", what, size * 8, address, *what == 'r' ? "->" : "<-", value));
}

Task<Loaded> Cpu::mmio_read(u64 address, u32 size) {
    ++count_.mmio_reads;
    co_await work(config_.access_cycles);
    sim::AccessPtr access = make(sim::Command::Read, address, size, true);
    Loaded loaded;
    loaded.status = co_await sim::transfer(simulation_, bus_, *access, bus_name_);
    if (loaded.ok()) loaded.value = access->value();
    note_mmio("read", address, loaded.value, size);
    co_return loaded;
}

Task<sim::Status> Cpu::mmio_write(u64 address, u64 value, u32 size) {
    co_await drain();
    const sim::Status status = co_await mmio_write_relaxed(address, value, size);
    co_return status;
}

Task<sim::Status> Cpu::mmio_write_relaxed(u64 address, u64 value, u32 size) {
    ++count_.mmio_writes;
    co_await work(config_.access_cycles);
    note_mmio("write", address, value, size);
    sim::AccessPtr access = make(sim::Command::Write, address, size, true);
    access->set_value(value);
    const sim::Status status = co_await transfer_one(std::move(access));
    co_return status;
}

Task<u64> Cpu::read(SystemRegister which) {
    co_await work(config_.system_register_cycles);
    co_return registers_.read(which);
}

Task<> Cpu::write(SystemRegister which, u64 value) {
    co_await work(config_.system_register_cycles);
    registers_.write(which, value);
}

void Cpu::irq(bool asserted) { signal(host_, asserted); }

void Cpu::virtual_irq(bool asserted) { signal(guest_, asserted); }

void Cpu::take_interrupts(InterruptTable* table) { take(host_, table); }

void Cpu::enter_guest(InterruptTable& table) { take(guest_, &table); }

Task<> Cpu::leave_guest() {
    take(guest_, nullptr);
    while (guest_.handling) co_await guest_idle_.wait();
}

void Cpu::signal(Input& input, bool asserted) {
    input.line = asserted;
    if (!asserted) return;
    if (&input == &host_) signalled_.notify_all();
    if (input.table != nullptr && !input.handling) scope_.spawn("handles interrupts", handle_interrupts(input));
}

void Cpu::take(Input& input, InterruptTable* table) {
    input.table = table;
    if (table != nullptr && input.line && !input.handling) scope_.spawn("handles interrupts", handle_interrupts(input));
}

Task<> Cpu::handle_interrupts(Input& input) {
    struct Leave {
        explicit Leave(Cpu& owner, Input& which) : cpu(owner), input(which) { input.handling = true; }
        ~Leave() {
            input.handling = false;
            if (&input == &cpu.guest_) cpu.guest_idle_.notify_all();
        }
        Cpu& cpu;
        Input& input;
    } leave(*this, input);
    while (input.line && input.table != nullptr) {
        // The mask is the host's: it stops its own handlers, not those of a guest.
        if (&input == &host_) co_await unmasked_.pass();
        co_await work(config_.interrupt_entry_cycles);
        // Whoever takes the table away meanwhile waits: what is acknowledged is handled.
        while (InterruptTable* const table = input.table) {
            const u64 acknowledged = co_await read(input.acknowledge);
            const u32 intid = static_cast<u32>(acknowledged & 0xFF'FFFF);
            if (intid >= spurious_first && intid <= spurious_last) {
                ++input.spurious;
                break;
            }
            ++input.interrupts;
            const InterruptTable::Handler handler = table->find(intid);
            if (handler) co_await handler(*this, intid);
            else ++table->unhandled;
            co_await write(input.end, intid);
        }
    }
}

Task<> Cpu::wait_for_interrupt() {
    if (!host_.line) co_await signalled_.wait();
}

void Cpu::abandon_software() {
    scope_.cancel();
    simulation_.scheduler().cancel(timer_);
    timer_ = {};
    pending_.clear();
    draining_.clear();
    cache_.clear();
    host_.table = guest_.table = nullptr;
}

void Cpu::reset() {
    abandon_software();
    host_.line = guest_.line = false;
}

void Cpu::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("loads", count_.loads, "accesses", "loads from memory, block reads counted per burst");
    visit.counter("stores", count_.stores, "accesses", "stores to memory, block writes counted per burst");
    cache_.statistics(visit);
    visit.counter("barriers", count_.barriers, "barriers", "explicit memory barriers");
    visit.counter("mmio_reads", count_.mmio_reads, "accesses", "register reads");
    visit.counter("mmio_writes", count_.mmio_writes, "accesses", "register writes");
    visit.counter("interrupts", host_.interrupts, "interrupts", "interrupts acknowledged");
    visit.counter("spurious", host_.spurious, "reads", "acknowledges that returned no interrupt");
    visit.counter("virtual_interrupts", guest_.interrupts, "interrupts", "interrupts that guests acknowledged here");
    visit.counter("store_errors", count_.store_errors, "errors", "drains of the store buffer that met a bus error");
}

}  // namespace smmusim::sw::cpu
