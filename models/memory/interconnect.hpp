// The interconnect: decodes addresses, keeps a requester's writes in order across targets, performs atomics.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "memory/address_map.hpp"
#include "sim/access.hpp"
#include "sim/config.hpp"
#include "sim/statistics.hpp"

namespace smmusim::memory {

struct InterconnectConfig {
    Time request_latency = 15 * nanosecond;
    Time response_latency = 15 * nanosecond;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(request_latency, {"request_latency", "from an ingress to a target", Unit::Time, Origin::Assumed,
                                "a mesh crossing of a server SoC", 0, second});
        visit(response_latency, {"response_latency", "from a target back to the ingress", Unit::Time, Origin::Assumed,
                                 "a mesh crossing of a server SoC", 0, second});
    }
};

/// Order. Targets answer at their own pace, so two accesses of one requester to different targets could become
/// visible in the wrong order. A write or read of a device therefore waits until its requester's earlier writes to
/// another target are complete: this is what keeps an MSI behind the data that it announces. Accesses of one requester
/// to one target stay in order by themselves, and a write with relaxed ordering waits for nobody (PCIe base
/// specification, ordering rules).
///
/// A read of which nothing that it could wait for is under way is passed on when it is sent, ahead of its arrival.
///
/// Atomics. They are performed here, as a read and a write to the target under a lock on the 64-byte line, so that
/// no target needs to know them; other accesses to the line wait in order of arrival.
class Interconnect final : public sim::HasStatistics {
public:
    static constexpr u64 line_size = 64;

    Interconnect(sim::Simulation& simulation, const InterconnectConfig& config, std::string name = "interconnect");
    ~Interconnect() override;

    /// A new ingress, for one requester or several.
    sim::Target& add_ingress();

    /// Sends what lies within [base, base + size) to `port`; throws std::invalid_argument on overlap.
    void map(std::string region, u64 base, u64 size, sim::Port& port);
    const AddressMap& address_map() const { return map_; }

    /// Forgets what is under way.
    void reset();
    void statistics(sim::StatisticsVisitor& visit) override;

private:
    class Ingress;
    struct Item {
        sim::Access* access;
        Ingress* ingress;
        Time arrived;
    };
    /// A requester with writes on their way or accesses waiting.
    struct Requester {
        u64 key = 0;
        u64 writes = 0;       ///< sent, not yet visible
        u32 target = 0;       ///< where they go
        bool mixed = false;   ///< to more than one target (relaxed ordering)
        bool parked = false;  ///< the first of `waiting` waits for a line
        u64 arriving = 0;     ///< accesses on their way to the ingress
        std::deque<Item> waiting;
    };
    /// A line on which an atomic is being performed.
    struct Line {
        u64 number;
        struct Parked {
            Item item;
            Requester* requester;  ///< or the whole requester
        };
        std::deque<Parked> parked;
    };

    static bool ordered(const sim::Access& access);
    static bool relaxed(const sim::Access& access);
    static bool counted(const sim::Access& access);
    static u64 key_of(const Ingress& ingress, const sim::Access& access);

    void receive(Ingress& ingress, sim::Access& access, Time at);
    [[gnu::noinline]] void receive_otherwise(Ingress& ingress, sim::Access& access, Time at);
    bool may_pass(const Ingress& ingress, const sim::Access& access) const;
    void pass(sim::Access& access, const Region& region, Time at);
    static void arrive_event(void* ingress, void* access);
    void arrive(Item item);
    void admit(Item item);
    bool must_wait(const Requester* requester, const sim::Access& access, u32 target) const;
    Line* line_of(const sim::Access& access);
    void send(Item item, const Region& region, Requester* requester);
    void refuse(Item item, sim::Status status);
    void written(Ingress& ingress, sim::Access& access, Time at);
    static void visible_event(void* self, void* requester);
    void visible(Requester& requester);
    void pump(Requester& requester);
    void forget_if_done(Requester& requester);

    sim::Task<> perform_atomic(Item item, sim::Port& port);
    void unlock(u64 line);
    Time perform(sim::Access& access);
    void inspect(sim::Access& access);

    sim::Simulation& simulation_;
    std::string name_;
    Time request_latency_;
    Time response_latency_;
    AddressMap map_;
    std::vector<sim::Port*> targets_;
    std::vector<std::unique_ptr<Ingress>> ingresses_;
    std::unordered_map<u64, Requester> requesters_;  ///< looked up only
    std::vector<std::unique_ptr<Line>> lines_;       ///< few

    u64 reads_ = 0;
    u64 writes_ = 0;
    u64 atomics_ = 0;
    u64 decode_errors_ = 0;
    u64 order_waits_ = 0;
    u64 order_wait_time_ = 0;
    u64 line_waits_ = 0;

    sim::Scope scope_;
};

}  // namespace smmusim::memory
