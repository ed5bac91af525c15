// One bus transaction as devices see it, its pool, and the two sides of a connection, without SystemC.
#pragma once

#include <array>
#include <cassert>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sim/attributes.hpp"
#include "sim/journey.hpp"
#include "sim/simulation.hpp"

namespace smmusim::sim {

enum class Command : u8 { Read, Write, Atomic };
enum class AtomicOperation : u8 { CompareSwap, Swap, FetchAdd };

enum class Status : u8 {
    Pending,
    Ok,
    Discarded,       ///< completed, but read as zero or ignored as a write (RAZ/WI)
    CompleterAbort,  ///< the target, or the SMMU, refused (SLVERR)
    Unsupported,     ///< no target decodes the address (DECERR)
    Poisoned,
    Timeout,  ///< never answered: dropped by a reset, or lost
};
inline bool succeeded(Status status) { return status == Status::Ok || status == Status::Discarded; }

class Access;

/// The side that sent an access and gets it back.
class Initiator {
public:
    /// The access is complete at `at`, which is not before now; its status and data are final.
    virtual void complete(Access& access, Time at) = 0;

protected:
    ~Initiator() = default;
};

/// A sender that keeps something, such as the buffer of a packet, until the target has taken the access in.
class Acceptance {
public:
    virtual void accepted(Access& access, Time at) = 0;

protected:
    ~Acceptance() = default;
};

/// The side that an access is sent to.
class Target {
public:
    virtual ~Target() = default;

    /// Timed: the access arrives at `at` (not before now) and is answered by access.respond(), now or later.
    virtual void receive(Access& access, Time at) = 0;

    /// Functional with all effects, at once; returns the unloaded latency. For b_transport.
    virtual Time perform(Access& access) = 0;

    /// A look without any effect on statistics or caches; a write changes storage only. For transport_dbg.
    virtual void inspect(Access& access) = 0;
};

/// One transaction of up to 4 KiB that does not cross a 4 KiB boundary. Comes from a pool, and has its own data when
/// its initiator gives it up, so that it outlives one that is destroyed while the access is under way.
class alignas(64) Access {
    struct Hop {
        Initiator* initiator = nullptr;
        u64 scratch = 0;
    };
    static constexpr u32 inline_bytes = 64;
    static constexpr std::size_t max_hops = 12;

    // What every access uses comes first, for it to lie in two lines of the host's cache: itself, and the way back.
    static_assert(sizeof(Attributes) == 40, "then the first line is full");
    enum Flag : u8 {
        abandoned_flag = 1,
        owned_flag = 2,      ///< by an AccessPtr
        announced_flag = 4,  ///< `acceptance_` waits
        adapted_flag = 8,    ///< there is something `foreign_`
        lent_flag = 16,      ///< the data is not here: `word_` is its address
        journey_flag = 32,   ///< there is a `journey_`
    };
    u8 flags_ = 0;
    u8 depth_ = 0;  ///< hops to come back to

public:
    Command command = Command::Read;
    Status status = Status::Pending;
    u32 size = 0;
    u64 address = 0;
    Attributes attributes;

private:
    AccessPool* pool_ = nullptr;

    alignas(64) u64 word_ = 0;  ///< the data of an access that is no larger
    Time answer_delay_ = 0;     ///< that the answer still gets before it comes to the last hop
    std::array<Hop, max_hops + 1> hops_{};
    void* foreign_ = nullptr;
    Acceptance* acceptance_ = nullptr;
    std::shared_ptr<Journey> journey_;
    alignas(64) std::array<u8, inline_bytes> inline_{};
    std::vector<u8> large_;

public:
    // Of one that was made as an atomic.
    AtomicOperation operation = AtomicOperation::CompareSwap;
    u64 operand = 0;
    u64 compare = 0;  ///< of a CompareSwap

    /// Room for whoever holds the access now, the pool included; what a forwarder leaves here before it pushes itself
    /// is here again when the access comes back to it.
    u64& scratch() { return hops_[depth_].scratch; }
    u64 scratch() const { return hops_[depth_].scratch; }

    /// Of a message, a write, whose way is recorded.
    void set_journey(std::shared_ptr<Journey> journey) {
        set(journey_flag, journey != nullptr);
        journey_ = std::move(journey);
    }
    bool has_journey() const { return has(journey_flag); }
    /// Null for most.
    const std::shared_ptr<Journey>& journey() const { return journey_; }

    /// What the protocol adapter that the access passes has left; owned by the adapter's pool. Null: nothing.
    void* foreign() const { return has(adapted_flag) ? foreign_ : nullptr; }
    void set_foreign(void* adapter) {
        foreign_ = adapter;
        set(adapted_flag, adapter != nullptr);
    }

    /// Somebody wants to know when the first target that can be full has taken the access in.
    void announce_to(Acceptance& acceptance) {
        acceptance_ = &acceptance;
        set(announced_flag, true);
    }
    void accepted(Time at) {
        if (!has(announced_flag)) [[likely]]
            return;
        set(announced_flag, false);
        acceptance_->accepted(*this, at);
    }

    u8* data() { return const_cast<u8*>(std::as_const(*this).data()); }
    const u8* data() const {
        if (lent()) return reinterpret_cast<const u8*>(word_);
        if (size <= sizeof word_) return reinterpret_cast<const u8*>(&word_);
        return size <= inline_bytes ? inline_.data() : large_.data();
    }
    std::span<u8> bytes() { return {data(), size}; }
    /// The data of an access of 8 bytes.
    u64 word() const {
        assert(size == sizeof word_);
        return word_;
    }

    /// The data is in `buffer`, which holds as much as the access, until own_data() or its release. An access of
    /// no more than a word has its own always.
    void lend(u8* buffer) {
        if (size <= sizeof word_) return;
        word_ = reinterpret_cast<u64>(buffer);
        set(lent_flag, true);
    }
    bool lent() const { return has(lent_flag); }
    /// For somebody who may keep the address of the data for longer than the buffer lives.
    void own_data() {
        if (lent()) [[unlikely]]
            fetch_data();
    }

    // The data at once; most are of a word or of a cache line.
    void load(const u8* from) {
        if (size == sizeof word_) std::memcpy(&word_, from, sizeof word_);
        else if (size == inline_bytes) std::memcpy(data(), from, inline_bytes);
        else std::memcpy(data(), from, size);
    }
    void store(u8* to) const {
        if (size == sizeof word_) std::memcpy(to, &word_, sizeof word_);
        else if (size == inline_bytes) std::memcpy(to, data(), inline_bytes);
        else std::memcpy(to, data(), size);
    }

    /// Sets the size and provides space for the data; the content is unspecified.
    void resize(u32 new_size) {
        size = new_size;
        if (new_size > inline_bytes && large_.size() < new_size) [[unlikely]]
            grow(new_size);
    }
    u64 value() const {
        assert(size <= 8);
        u64 result = 0;
        std::memcpy(&result, data(), size);
        return result;
    }
    void set_value(u64 value) {
        assert(size <= 8);
        std::memcpy(data(), &value, size);
    }
    bool is_write() const { return command != Command::Read; }

    /// The way back: each initiator and forwarder pushes itself before it passes the access on.
    void push(Initiator& hop) {
        if (answer_delay_ != 0) [[unlikely]]
            push_delay();
        assert(depth_ != max_hops);
        hops_[depth_++].initiator = &hop;
    }
    /// Instead of push(), by a forwarder that does no more with the answer than to pass it on, `latency` later.
    void delay_answer(Time latency) {
        assert(under_way());
        answer_delay_ += latency;
    }
    /// What `hop`, which the access is to come back to, has left in scratch().
    u64 left_by(const Initiator& hop) const;
    void respond(Time at);
    void respond(Status final_status, Time at) {
        status = final_status;
        respond(at);
    }
    bool under_way() const { return depth_ != 0; }

    /// The initiator is gone: the access finishes its way without it, and returns to the pool unless it is still owned.
    void abandon() {
        own_data();
        set(abandoned_flag, true);
    }
    bool abandoned() const { return has(abandoned_flag); }

private:
    friend class AccessPool;
    friend struct AccessRelease;
    bool has(Flag flag) const { return (flags_ & flag) != 0; }
    void set(Flag flag, bool on) { flags_ = static_cast<u8>(on ? flags_ | flag : flags_ & ~flag); }
    void push_delay();
    void end_abandoned();
    void grow(u32 bytes);
    void fetch_data();
};

/// Releases an access to its pool, at once or when its way is finished.
struct AccessRelease {
    void operator()(Access* access) const;
};
using AccessPtr = std::unique_ptr<Access, AccessRelease>;

/// All accesses of a simulation; a free list, nothing is ever given back to the heap before the end.
class AccessPool {
public:
    AccessPool() = default;
    ~AccessPool();
    AccessPool(const AccessPool&) = delete;
    AccessPool& operator=(const AccessPool&) = delete;

    /// A fresh access without a journey.
    AccessPtr make(Command command, u64 address, u32 size, const Attributes& attributes = {});
    std::size_t in_use() const { return in_use_; }

    /// Ends the way of every access under way, unanswered; those without an owner return to the pool. Part of the reset
    /// of a whole machine, after everybody has forgotten what was in flight.
    void drop_in_flight();

    /// Called when the pool dies, or drops the access, so that adapters can free what they attached.
    using Cleaner = void (*)(void* foreign);
    void set_cleaner(Cleaner cleaner) { cleaner_ = cleaner; }

private:
    friend class Access;
    friend struct AccessRelease;
    AccessPtr grow_and_make(Command command, u64 address, u32 size, const Attributes& attributes);
    void release(Access& access) {
        if (access.has_journey()) [[unlikely]]
            access.set_journey(nullptr);
        access.scratch() = reinterpret_cast<u64>(free_);
        free_ = &access;
        --in_use_;
    }

    std::vector<std::unique_ptr<Access>> all_;
    Access* free_ = nullptr;
    std::size_t in_use_ = 0;
    Cleaner cleaner_ = nullptr;
};

inline void AccessRelease::operator()(Access* access) const {
    access->set(Access::owned_flag, false);
    if (access->under_way()) access->abandon();
    else access->pool_->release(*access);
}

[[gnu::always_inline]] inline AccessPtr AccessPool::make(Command command, u64 address, u32 size,
                                                         const Attributes& attributes) {
    if (free_ == nullptr) [[unlikely]]
        return grow_and_make(command, address, size, attributes);
    Access* const access = free_;
    assert(access->journey_ == nullptr && access->depth_ == 0 && access->answer_delay_ == 0);
    free_ = reinterpret_cast<Access*>(access->scratch());
    ++in_use_;
    access->command = command;
    access->status = Status::Pending;
    access->address = address;
    access->attributes = attributes;
    if (command == Command::Atomic) access->operand = access->compare = 0;
    access->flags_ = static_cast<u8>((access->flags_ & Access::adapted_flag) | Access::owned_flag);
    access->resize(size);
    return AccessPtr(access);
}

/// Where a device sends its accesses; bound to a target directly in unit tests, to a TLM socket in a machine.
class Port {
public:
    virtual ~Port() = default;
    /// Sends an access that arrives at the other side at `at`; the sender has pushed itself.
    virtual void send(Access& access, Time at) = 0;
    virtual Time perform(Access& access) = 0;
    virtual void inspect(Access& access) = 0;
};

inline u64 Access::left_by(const Initiator& hop) const {
    assert(depth_ != 0);
    unsigned place = depth_ - 1u;
    for (; hops_[place].initiator != &hop; --place) assert(place != 0);
    return hops_[place].scratch;
}

inline void Access::respond(Time at) {
    assert(under_way());
    Initiator* const hop = hops_[--depth_].initiator;
    at += std::exchange(answer_delay_, 0);
    if (abandoned()) [[unlikely]] {
        if (!under_way()) {
            end_abandoned();
            return;
        }
    }
    hop->complete(*this, at);
}

/// A port that calls a target directly.
class DirectPort final : public Port {
public:
    explicit DirectPort(Target& target) : target_(target) {}
    void send(Access& access, Time at) override { target_.receive(access, at); }
    Time perform(Access& access) override { return target_.perform(access); }
    void inspect(Access& access) override { target_.inspect(access); }

private:
    Target& target_;
};

/// Sends an access and waits for its completion: `co_await transfer(simulation, port, *access)`.
class Transfer final : public Waiter, public Initiator {
public:
    Transfer(Simulation& simulation, Port& port, Access& access, std::string_view resource = "a bus response")
        : Waiter(simulation, resource), port_(port), access_(&access) {}
    ~Transfer() {
        if (access_ != nullptr && access_->under_way()) access_->abandon();
    }
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
        suspend(handle);
        access_->push(*this);
        port_.send(*access_, simulation().now());
    }
    Status await_resume() const { return access_->status; }
    void complete(Access&, Time at) override { wake(at); }

private:
    Port& port_;
    Access* access_;
};

inline Transfer transfer(Simulation& simulation, Port& port, Access& access,
                         std::string_view resource = "a bus response") {
    return Transfer(simulation, port, access, resource);
}

}  // namespace smmusim::sim
