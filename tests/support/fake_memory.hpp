// A memory for unit tests: sparse, of one latency, with holes and with accesses that a test can hold back.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "sim/access.hpp"

namespace smmusim::test {

/// Everything not written reads as zero. An access takes effect when it arrives and is answered `latency` later.
class FakeMemory final : public sim::Target {
public:
    struct Logged {
        sim::Command command;
        u64 address;
        u32 size;
        Time at;  ///< arrival
        sim::Attributes attributes;
    };

    explicit FakeMemory(sim::Simulation& simulation, Time access_latency = 100 * nanosecond)
        : latency(access_latency), simulation_(simulation) {}

    Time latency;             ///< may be changed at any time
    std::vector<Logged> log;  ///< every access that arrived, in order
    /// Told of every access when it arrives; may be empty.
    std::function<void(const sim::Access&)> on_arrival;

    // Backdoor, without time.
    void write(u64 address, const void* source, u64 size) {
        const u8* bytes = static_cast<const u8*>(source);
        for (u64 done = 0; done < size;) {
            const u64 at = address + done, piece = std::min(size - done, page_bytes - at % page_bytes);
            std::memcpy(page(at).data() + at % page_bytes, bytes + done, piece);
            done += piece;
        }
    }
    void read(u64 address, void* destination, u64 size) const {
        u8* bytes = static_cast<u8*>(destination);
        for (u64 done = 0; done < size;) {
            const u64 at = address + done, piece = std::min(size - done, page_bytes - at % page_bytes);
            const auto found = pages_.find(at / page_bytes);
            if (found == pages_.end()) std::memset(bytes + done, 0, piece);
            else std::memcpy(bytes + done, found->second.data() + at % page_bytes, piece);
            done += piece;
        }
    }
    template <class T>
    void put(u64 address, T value) {
        write(address, &value, sizeof value);
    }
    template <class T>
    T get(u64 address) const {
        T value;
        read(address, &value, sizeof value);
        return value;
    }
    u8 u8_at(u64 address) const { return get<u8>(address); }
    u32 u32_at(u64 address) const { return get<u32>(address); }
    u64 u64_at(u64 address) const { return get<u64>(address); }

    /// Accesses that touch the range are answered with `status` and have no effect.
    void fail(u64 address, u64 size, sim::Status status = sim::Status::Unsupported) {
        failing_.push_back({address, size, status, {}});
    }
    /// The same for some accesses only.
    void fail_if(u64 address, u64 size, std::function<bool(const sim::Access&)> applies) {
        failing_.push_back({address, size, sim::Status::Unsupported, std::move(applies)});
    }
    void repair() { failing_.clear(); }

    /// Accesses that touch the range wait, without effect, until release().
    void hold(u64 address, u64 size) { holding_.push_back({address, size, sim::Status::Pending, {}}); }
    /// Ends every hold; what waited takes effect now, in order of arrival.
    void release() {
        holding_.clear();
        std::vector<sim::Access*> waiting;
        waiting.swap(held_);
        for (sim::Access* access : waiting) answer(*access);
    }
    std::size_t held() const { return held_.size(); }

    /// Accesses logged so far that touch the range, of one command.
    std::size_t count(sim::Command command, u64 address, u64 size) const {
        return static_cast<std::size_t>(std::count_if(log.begin(), log.end(), [&](const Logged& entry) {
            return entry.command == command && entry.address < address + size && address < entry.address + entry.size;
        }));
    }
    std::size_t reads(u64 address, u64 size) const { return count(sim::Command::Read, address, size); }
    std::size_t writes(u64 address, u64 size) const { return count(sim::Command::Write, address, size); }

    void receive(sim::Access& access, Time at) override {
        if (at <= simulation_.now()) arrive(access);
        else simulation_.scheduler().at(at, &FakeMemory::arrived, this, &access);
    }
    Time perform(sim::Access& access) override {
        access.status = apply(access);
        return latency;
    }
    void inspect(sim::Access& access) override { access.status = apply(access); }

private:
    static constexpr u64 page_bytes = 4096;
    struct Range {
        u64 address;
        u64 size;
        sim::Status status;
        std::function<bool(const sim::Access&)> applies;  ///< to all if empty
        bool touches(const sim::Access& access) const {
            return access.address < address + size && address < access.address + access.size;
        }
    };

    static void arrived(void* memory, void* access) {
        static_cast<FakeMemory*>(memory)->arrive(*static_cast<sim::Access*>(access));
    }
    void arrive(sim::Access& access) {
        log.push_back({access.command, access.address, access.size, simulation_.now(), access.attributes});
        if (on_arrival) on_arrival(access);
        for (const Range& range : holding_)
            if (range.touches(access)) {
                held_.push_back(&access);
                return;
            }
        answer(access);
    }
    void answer(sim::Access& access) {
        const sim::Status status = apply(access);
        access.respond(status, simulation_.now() + latency);
    }
    sim::Status apply(sim::Access& access) {
        for (const Range& range : failing_)
            if (range.touches(access) && (!range.applies || range.applies(access))) return range.status;
        switch (access.command) {
            case sim::Command::Read: read(access.address, access.data(), access.size); break;
            case sim::Command::Write: write(access.address, access.data(), access.size); break;
            case sim::Command::Atomic: {
                u64 old = 0;
                read(access.address, &old, access.size);
                u64 next = access.operand;
                if (access.operation == sim::AtomicOperation::FetchAdd) next = old + access.operand;
                if (access.operation == sim::AtomicOperation::CompareSwap && old != access.compare) next = old;
                write(access.address, &next, access.size);
                access.set_value(old);
                break;
            }
        }
        return sim::Status::Ok;
    }
    std::vector<u8>& page(u64 address) {
        std::vector<u8>& bytes = pages_[address / page_bytes];
        bytes.resize(page_bytes);
        return bytes;
    }

    sim::Simulation& simulation_;
    std::map<u64, std::vector<u8>> pages_;
    std::vector<Range> failing_;
    std::vector<Range> holding_;
    std::vector<sim::Access*> held_;
};

}  // namespace smmusim::test
