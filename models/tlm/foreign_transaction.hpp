// Transactions of foreign TLM-2.0 initiators at the edge: what they want as accesses, and the answer as they expect it.
#pragma once

#include <memory>
#include <vector>

#include "tlm/kernel_bridge.hpp"
#include "tlm/payload.hpp"
#include "tlm/response_path.hpp"

namespace smmusim::tlm {

/// One per target socket. A transaction becomes accesses that stay within 4 KiB and contain enabled bytes only;
/// it is complete when all of them are, with the first error among them.
class ForeignTransactions {
public:
    ForeignTransactions(KernelBridge& bridge, sim::Target& target, ResponsePath& responses);
    ~ForeignTransactions();
    ForeignTransactions(const ForeignTransactions&) = delete;
    ForeignTransactions& operator=(const ForeignTransactions&) = delete;

    void begin(::tlm::tlm_generic_payload& payload, Time at);
    /// Answers everything under way with an error.
    void reset();
    Time perform(::tlm::tlm_generic_payload& payload);
    unsigned int inspect(::tlm::tlm_generic_payload& payload);

    sim::Attributes default_attributes;

private:
    class Transaction;
    struct Piece {
        u64 address;
        u32 offset;
        u32 size;
    };
    using Payload = ::tlm::tlm_generic_payload;

    static bool legal(Payload& payload);
    static std::vector<Piece> cut(const Payload& payload);
    sim::AccessPtr make(Payload& payload, const Piece& piece) const;
    static void take(Payload& payload, const Piece& piece, const sim::Access& access);

    void respond(Transaction& transaction, Time at);
    static void respond_event(void* self, void* transaction);

    KernelBridge& bridge_;
    sim::Target& target_;
    ResponsePath& responses_;
    std::vector<std::unique_ptr<Transaction>> transactions_;
};

}  // namespace smmusim::tlm
