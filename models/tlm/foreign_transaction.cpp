#include "tlm/foreign_transaction.hpp"

#include <algorithm>
#include <utility>

namespace smmusim::tlm {

/// A transaction of which accesses are under way.
class ForeignTransactions::Transaction final : public sim::Initiator {
public:
    Transaction(ForeignTransactions& owner, Payload& payload) : owner_(owner), payload_(payload) {}

    void start(Time at) {
        const std::vector<Piece> pieces = cut(payload_);
        pieces_.reserve(pieces.size());
        for (const Piece& piece : pieces) pieces_.push_back({piece, owner_.make(payload_, piece)});
        left_ = pieces_.size();
        payload_.set_response_status(::tlm::TLM_OK_RESPONSE);
        if (left_ == 0) {
            owner_.respond(*this, at);
            return;
        }
        for (Part& part : pieces_) {
            part.access->push(*this);
            owner_.target_.receive(*part.access, at);
        }
    }
    void complete(sim::Access& access, Time at) override {
        const auto part = std::find_if(pieces_.begin(), pieces_.end(),
                                       [&](const Part& candidate) { return candidate.access.get() == &access; });
        if (sim::succeeded(access.status)) take(payload_, part->piece, access);
        else if (payload_.is_response_ok()) payload_.set_response_status(response_of(access.status));
        done_at_ = std::max(done_at_, at);
        if (--left_ == 0) owner_.respond(*this, done_at_);
    }
    Payload& payload() const { return payload_; }

private:
    struct Part {
        Piece piece;
        sim::AccessPtr access;
    };
    ForeignTransactions& owner_;
    Payload& payload_;
    std::vector<Part> pieces_;
    std::size_t left_ = 0;
    Time done_at_ = 0;
};

ForeignTransactions::ForeignTransactions(KernelBridge& bridge, sim::Target& target, ResponsePath& responses)
    : bridge_(bridge), target_(target), responses_(responses) {}

ForeignTransactions::~ForeignTransactions() = default;

bool ForeignTransactions::legal(Payload& payload) {
    if (payload.get_command() == ::tlm::TLM_IGNORE_COMMAND) payload.set_response_status(::tlm::TLM_OK_RESPONSE);
    else if (payload.get_data_ptr() == nullptr || payload.get_data_length() == 0)
        payload.set_response_status(::tlm::TLM_GENERIC_ERROR_RESPONSE);
    else if (payload.get_streaming_width() != 0 && payload.get_streaming_width() < payload.get_data_length())
        payload.set_response_status(::tlm::TLM_BURST_ERROR_RESPONSE);
    else return true;
    return false;
}

std::vector<ForeignTransactions::Piece> ForeignTransactions::cut(const Payload& payload) {
    const u8* const enable = payload.get_byte_enable_ptr();
    const auto enabled = [&](u32 offset) {
        return enable == nullptr || enable[offset % payload.get_byte_enable_length()] != TLM_BYTE_DISABLED;
    };
    std::vector<Piece> pieces;
    const u32 length = payload.get_data_length();
    for (u32 offset = 0; offset < length;) {
        const u64 address = payload.get_address() + offset;
        const u32 limit = static_cast<u32>(std::min<u64>(length - offset, 4 * KiB - address % (4 * KiB)));
        u32 size = 0;
        if (enable == nullptr) size = limit;
        else
            while (size < limit && enabled(offset + size)) ++size;
        if (size != 0) pieces.push_back({address, offset, size});
        offset += std::max<u32>(size, 1);
    }
    return pieces;
}

sim::AccessPtr ForeignTransactions::make(Payload& payload, const Piece& piece) const {
    const bool write = payload.is_write();
    sim::AccessPtr access = bridge_.simulation().accesses().make(write ? sim::Command::Write : sim::Command::Read,
                                                                 piece.address, piece.size);
    AccessExtension* const extension = payload.get_extension<AccessExtension>();
    access->attributes = extension != nullptr ? extension->attributes() : default_attributes;
    if (write) std::copy_n(payload.get_data_ptr() + piece.offset, piece.size, access->data());
    return access;
}

void ForeignTransactions::take(Payload& payload, const Piece& piece, const sim::Access& access) {
    if (payload.is_read()) std::copy_n(access.data(), piece.size, payload.get_data_ptr() + piece.offset);
}

void ForeignTransactions::begin(Payload& payload, Time at) {
    ResponsePath::keep(payload);
    transactions_.push_back(std::make_unique<Transaction>(*this, payload));
    Transaction& transaction = *transactions_.back();
    if (legal(payload)) transaction.start(at);
    else respond(transaction, at);
}

void ForeignTransactions::respond(Transaction& transaction, Time at) {
    // Never from inside the forward call: through the scheduler, in the order of completion.
    bridge_.simulation().scheduler().at(at, &ForeignTransactions::respond_event, this, &transaction);
}

void ForeignTransactions::respond_event(void* self, void* finished) {
    auto& owner = *static_cast<ForeignTransactions*>(self);
    const auto place = std::find_if(owner.transactions_.begin(), owner.transactions_.end(),
                                    [&](const auto& candidate) { return candidate.get() == finished; });
    Payload& payload = (*place)->payload();
    owner.transactions_.erase(place);
    owner.responses_.respond(payload);
}

void ForeignTransactions::reset() {
    const std::vector<std::unique_ptr<Transaction>> dropped = std::exchange(transactions_, {});
    for (const auto& transaction : dropped) {
        transaction->payload().set_response_status(::tlm::TLM_GENERIC_ERROR_RESPONSE);
        responses_.respond(transaction->payload());
    }
}

Time ForeignTransactions::perform(Payload& payload) {
    if (!legal(payload)) return 0;
    payload.set_response_status(::tlm::TLM_OK_RESPONSE);
    Time latency = 0;
    for (const Piece& piece : cut(payload)) {
        const sim::AccessPtr access = make(payload, piece);
        latency = std::max(latency, target_.perform(*access));
        if (sim::succeeded(access->status)) take(payload, piece, *access);
        else if (payload.is_response_ok()) payload.set_response_status(response_of(access->status));
    }
    return latency;
}

unsigned int ForeignTransactions::inspect(Payload& payload) {
    if (!legal(payload)) return 0;
    unsigned int done = 0;
    for (const Piece& piece : cut(payload)) {
        const sim::AccessPtr access = make(payload, piece);
        target_.inspect(*access);
        if (!sim::succeeded(access->status)) break;
        take(payload, piece, *access);
        done = piece.offset + piece.size;
    }
    payload.set_response_status(done != 0 ? ::tlm::TLM_OK_RESPONSE : ::tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return done;
}

}  // namespace smmusim::tlm
