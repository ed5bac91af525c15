// What functions do: checked traffic with an interrupt for each completion, and single accesses.
#include <fmt/format.h>

#include "scenarios/engine/steps/step_base.hpp"

namespace smmusim::scenarios {

namespace {

using platform::config::ConfigError;
using sim::ConfigVisitor;
using sim::Task;
using sim::Unit;

enum class Direction : u8 { Read, Write, Alternate };
constexpr std::array<sim::Choice, 3> direction_names{sim::Choice{"read", 0}, sim::Choice{"write", 1},
                                                     sim::Choice{"alternate", 2}};
enum class Order : u8 { Sequential, Random };
constexpr std::array<sim::Choice, 2> order_names{sim::Choice{"sequential", 0}, sim::Choice{"random", 1}};

class Dma final : public Step {
public:
    void fields(ConfigVisitor& visit) override {
        visit(device_, {"device", "name of the function"});
        visit(buffer_, {"buffer", "name of the memory"});
        visit(direction_, {"direction", "alternate: a write, then a read, and so on"}, direction_names);
        visit(order_, {"order", "of the addresses"}, order_names);
        visit(offset_, {"offset", "where in the buffer the window begins", Unit::Bytes});
        visit(window_, {"window", "size of the window; 0B: to the end of the buffer", Unit::Bytes});
        visit(size_, {"size", "bytes of one operation", Unit::Bytes, sim::Origin::Choice, "", 1, GiB});
        visit(stride_, {"stride", "from one operation to the next; 0B: `size`", Unit::Bytes});
        visit(count_, {"count", "operations of one pass; 0: once through the window"});
        visit(passes_, {"passes", "number of passes, each with data of its own", Unit::Count, sim::Origin::Choice, "",
                        1, 1u << 20});
        visit(vectors_, {"vectors", "the i-th completion raises vector i modulo this; 0: none", Unit::Count,
                         sim::Origin::Choice, "", 0, 2048});
        visit(in_flight_, {"in_flight", "operations at the same time; must divide `vectors`", Unit::Count,
                           sim::Origin::Choice, "", 1, 4096});
        visit(cpu_, {"cpu", "CPU that prepares what the function reads"});
    }

    void check(Names& names) const override {
        names.require(Names::Kind::Device, device_, where());
        names.require(Names::Kind::Buffer, buffer_, where());
        if (vectors_ % in_flight_ != 0)
            throw ConfigError(where(), "in_flight does not divide vectors", "else two operations would share a vector");
    }

    Task<> run(Stage& stage) override {
        Plan plan;
        plan.device = &stage.device(device_);
        plan.buffer = stage.buffers.at(buffer_);
        if (offset_ >= plan.buffer.size || window_ > plan.buffer.size - offset_)
            throw StepFailure(fmt::format("dma: the window does not lie in buffer '{}'", buffer_));
        plan.window = window_ == 0 ? plan.buffer.size - offset_ : window_;
        plan.stride = stride_ == 0 ? size_ : stride_;
        if (size_ > plan.window) throw StepFailure("dma: the window is smaller than one operation");
        plan.slots = (plan.window - size_) / plan.stride + 1;
        for (u32 pass = 0; pass < passes_; ++pass) {
            plan.pass = stage.next_pass();
            sim::Signal ended(stage.simulation(), "the workers of a dma step");
            u32 working = in_flight_;
            sim::Scope workers(stage.simulation(), "scenario.dma");
            for (u32 index = 0; index < in_flight_; ++index)
                workers.spawn("worker", work(stage, plan, index, working, ended));
            while (working != 0) co_await ended.wait();
        }
    }

private:
    struct Plan {
        Device* device = nullptr;
        Buffer buffer;
        u64 window = 0;
        u64 stride = 0;
        u64 slots = 0;
        u64 pass = 0;
    };

    /// Operations index, index + in_flight, ...: no two at a time have the same vector.
    Task<> work(Stage& stage, Plan& plan, u64 index, u32& working, sim::Signal& ended) {
        const u64 count = count_ == 0 ? plan.slots : count_;
        for (; index < count; index += in_flight_) {
            const u64 slot = order_ == Order::Random ? stage.random().below(plan.slots) : index % plan.slots;
            const bool write = direction_ == Direction::Write || (direction_ == Direction::Alternate && index % 2 == 0);
            const u64 offset = offset_ + slot * plan.stride;
            if (write) co_await write_once(stage, plan, offset, index);
            else co_await read_once(stage, plan, offset, index);
        }
        if (--working == 0) ended.notify_all();
    }

    /// The message goes right behind the data: only ordering in the machine makes the handler find them.
    Task<> write_once(Stage& stage, Plan& plan, u64 offset, u64 index) {
        const Pattern pattern(plan.pass);
        const u64 host = plan.buffer.host + offset;
        const auto operation = std::make_shared<sim::DmaOperation>();
        operation->command = sim::Command::Write;
        operation->address = plan.buffer.iova + offset;
        operation->size = size_;
        operation->data = pattern.bytes(operation->address, size_);
        u64 before = 0;
        WatchedVector* watched = nullptr;
        if (vectors_ != 0) {
            watched = &stage.vector(device_, static_cast<u32>(index % vectors_));
            watched->announced.push_back({host + size_ - 1, operation->data.back()});
            before = watched->handled;
        }
        Submission submission = stage.submit(*plan.device, operation);
        if (watched != nullptr) {
            stage.endpoint(*plan.device).raise(static_cast<u32>(index % vectors_));
            while (watched->handled == before) co_await watched->fired.wait();
        }
        co_await stage.finish(submission);
        if (operation->status != sim::Status::Ok) co_return;
        const std::span<const u8> found(stage.platform().memory().at(host), size_);
        plan.device->bytes_checked += size_;
        plan.device->wrong_bytes += pattern.differences(operation->address, found);
    }

    /// Software prepares the data, the function reads them and raises its vector.
    Task<> read_once(Stage& stage, Plan& plan, u64 offset, u64 index) {
        const Pattern pattern(plan.pass);
        const auto operation = std::make_shared<sim::DmaOperation>();
        operation->command = sim::Command::Read;
        operation->address = plan.buffer.iova + offset;
        operation->size = size_;
        std::vector<u8> content = pattern.bytes(operation->address, size_);
        const sim::Status stored = co_await stage.cpu(cpu_).write_block(plan.buffer.host + offset, std::move(content));
        if (!sim::succeeded(stored)) throw StepFailure("dma: the CPU could not write the buffer");
        Submission submission = stage.submit(*plan.device, operation);
        co_await stage.finish(submission);
        if (operation->status == sim::Status::Ok) {
            plan.device->bytes_checked += size_;
            plan.device->wrong_bytes += pattern.differences(operation->address, operation->data);
        }
        if (vectors_ == 0) co_return;
        const u32 number = static_cast<u32>(index % vectors_);
        WatchedVector& watched = stage.vector(device_, number);
        const u64 before = watched.handled;
        stage.endpoint(*plan.device).raise(number);
        while (watched.handled == before) co_await watched.fired.wait();
    }

    std::string device_;
    std::string buffer_;
    Direction direction_ = Direction::Write;
    Order order_ = Order::Sequential;
    u64 offset_ = 0;
    u64 window_ = 0;
    u64 size_ = 64;
    u64 stride_ = 0;
    u64 count_ = 0;
    u32 passes_ = 1;
    u32 vectors_ = 0;
    u32 in_flight_ = 1;
    u32 cpu_ = 0;
};

constexpr std::array<sim::Choice, 6> status_names{
    sim::Choice{"ok", static_cast<u64>(sim::Status::Ok)},
    sim::Choice{"discarded", static_cast<u64>(sim::Status::Discarded)},
    sim::Choice{"completer_abort", static_cast<u64>(sim::Status::CompleterAbort)},
    sim::Choice{"unsupported_request", static_cast<u64>(sim::Status::Unsupported)},
    sim::Choice{"poisoned", static_cast<u64>(sim::Status::Poisoned)},
    sim::Choice{"timeout", static_cast<u64>(sim::Status::Timeout)}};

/// One operation whose end is stated.
class Access final : public Step {
public:
    void fields(ConfigVisitor& visit) override {
        visit(device_, {"device", "name of the function"});
        visit(write_, {"write", "a write; else a read"});
        visit(buffer_, {"buffer", "memory that `iova` is an offset into; empty: `iova` is the address"});
        visit(iova_, {"iova", "address", Unit::Address});
        visit(size_, {"size", "bytes", Unit::Bytes, sim::Origin::Choice, "", 1, GiB});
        visit(status_, {"status", "how it must end"}, status_names);
    }
    void check(Names& names) const override {
        names.require(Names::Kind::Device, device_, where());
        if (!buffer_.empty()) names.require(Names::Kind::Buffer, buffer_, where());
    }
    Task<> run(Stage& stage) override {
        if (!buffer_.empty() &&
            (iova_ >= stage.buffers.at(buffer_).size || size_ > stage.buffers.at(buffer_).size - iova_))
            throw StepFailure(
                fmt::format("access: {} bytes at offset {:#x} do not lie in buffer '{}'", size_, iova_, buffer_));
        const auto operation = std::make_shared<sim::DmaOperation>();
        operation->command = write_ ? sim::Command::Write : sim::Command::Read;
        operation->address = iova_ + (buffer_.empty() ? 0 : stage.buffers.at(buffer_).iova);
        operation->size = size_;
        const Pattern pattern(stage.next_pass());
        if (write_) operation->data = pattern.bytes(operation->address, size_);
        Submission submission = stage.submit(stage.device(device_), operation);
        co_await stage.finish(submission);
        expect(stage, *operation, status_, where());
        if (write_ && !buffer_.empty() && operation->status == sim::Status::Ok) {
            const std::span<const u8> found(stage.platform().memory().at(stage.buffers.at(buffer_).host + iova_),
                                            size_);
            Device& device = stage.device(device_);
            device.bytes_checked += size_;
            device.wrong_bytes += pattern.differences(operation->address, found);
        }
    }

    /// Adds a verdict about how an operation ended.
    static void expect(Stage& stage, const sim::DmaOperation& operation, sim::Status wanted,
                       const platform::config::Position& where) {
        const std::string what =
            fmt::format("{} of {} bytes at {:#x} ends {}", operation.command == sim::Command::Write ? "write" : "read",
                        operation.size, operation.address, name_of(wanted));
        stage.verdicts.push_back({what, where.text(), operation.status == wanted, name_of(operation.status)});
    }

private:
    static const char* name_of(sim::Status status) {
        for (const sim::Choice& choice : status_names)
            if (choice.value == static_cast<u64>(status)) return choice.name;
        return "pending";
    }

    std::string device_;
    std::string buffer_;
    bool write_ = false;
    u64 iova_ = 0;
    u64 size_ = 64;
    sim::Status status_ = sim::Status::Ok;
};

/// A message as a plain write of the function.
class MessageStep : public Step {
public:
    void fields(ConfigVisitor& visit) override {
        visit(device_, {"device", "name of the function"});
        visit(status_, {"status", "how the write must end"}, status_names);
    }
    void check(Names& names) const override { names.require(Names::Kind::Device, device_, where()); }

protected:
    Task<> write(Stage& stage, sw::msi::Message message) {
        const auto operation = std::make_shared<sim::DmaOperation>();
        operation->command = sim::Command::Write;
        operation->address = message.address;
        operation->size = 4;
        for (unsigned shift = 0; shift < 32; shift += 8)
            operation->data.push_back(static_cast<u8>(message.data >> shift));
        Submission submission = stage.submit(stage.device(device_), operation);
        co_await stage.finish(submission);
        Access::expect(stage, *operation, status_, where());
    }

    std::string device_;

private:
    sim::Status status_ = sim::Status::Ok;
};

/// A function that does not know of the end of its vector.
class LateMessage final : public MessageStep {
public:
    void fields(ConfigVisitor& visit) override {
        MessageStep::fields(visit);
        visit(vector_, {"vector", "vector whose last message is written again"});
    }
    Task<> run(Stage& stage) override { co_await write(stage, stage.vector(device_, vector_).message); }

private:
    u32 vector_ = 0;
};

/// A function that writes what is another's to the doorbell that it may write.
class ForgedMessage final : public MessageStep {
public:
    void fields(ConfigVisitor& visit) override {
        MessageStep::fields(visit);
        visit(victim_, {"victim", "function whose message data are written"});
        visit(vector_, {"vector", "vector of the victim"});
        visit(own_vector_, {"own_vector", "vector of the function itself whose doorbell is written to"});
    }
    void check(Names& names) const override {
        MessageStep::check(names);
        names.require(Names::Kind::Device, victim_, where());
    }
    Task<> run(Stage& stage) override {
        sw::msi::Message message = stage.vector(device_, own_vector_).message;
        message.data = stage.vector(victim_, vector_).message.data;
        co_await write(stage, message);
    }

private:
    std::string victim_;
    u32 vector_ = 0;
    u32 own_vector_ = 0;
};

constexpr std::array dma_kinds{
    StepKind{"dma", "checked traffic between a function and a buffer", make_step<Dma>},
    StepKind{"access", "one read or write of a function", make_step<Access>},
    StepKind{"late_message", "a function writes the old data of a vector to its old address", make_step<LateMessage>},
    StepKind{"forge_message", "a function writes another's message data to its own doorbell",
             make_step<ForgedMessage>},
};

}  // namespace

std::span<const StepKind> dma_steps() { return dma_kinds; }

}  // namespace smmusim::scenarios
