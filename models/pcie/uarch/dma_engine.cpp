#include "pcie/uarch/dma_engine.hpp"

#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "pcie/arch/cutting.hpp"
#include "sim/trace.hpp"

namespace smmusim::pcie::uarch {

DmaEngine::DmaEngine(sim::Simulation& simulation, const EndpointConfig& config, std::string name,
                     arch::FunctionState& function, Link& link, MessageLog& messages)
    : Reporter(simulation),
      simulation_(simulation),
      config_(config),
      name_(std::move(name)),
      function_(function),
      link_(link),
      messages_(messages),
      reads_(std::make_unique<DmaRequest[]>(config.function.tags)),
      tags_(config.function.tags) {
    for (u32 tag = 0; tag < config.function.tags; ++tag) reads_[tag].tag = tag;
}

DmaEngine::~DmaEngine() { clear(); }

void DmaEngine::connect(RootSide& root, u32 number) {
    root_ = &root;
    number_ = number;
}

const char* DmaEngine::problem(const sim::DmaOperation& operation) {
    const sim::Attributes& attributes = operation.attributes;
    if (operation.command == sim::Command::Atomic) return "an endpoint reads and writes only";
    if (operation.size == 0) return "the size must not be 0";
    if (operation.address + (operation.size - 1) < operation.address) return "the range ends beyond 64 bits";
    if (operation.command == sim::Command::Write && operation.data.size() != operation.size)
        return "a write needs as many bytes of data as its size says";
    if ((attributes.privileged || attributes.instruction) && !attributes.has_substream())
        return "a privileged or instruction access needs a PASID";
    if (attributes.instruction && operation.command == sim::Command::Write)
        return "a write cannot be an instruction access";
    if (attributes.has_substream() && attributes.substream_id >> 20 != 0) return "a PASID has 20 bits";
    if (attributes.address_type != sim::AddressType::Untranslated) return "the function has no ATS capability";
    return nullptr;
}

inline void DmaEngine::account(sim::DmaOperation& operation) {
    operation.completed = simulation_.now();
    if (sim::succeeded(operation.status)) [[likely]] {
        bytes_ += operation.size;
        latency_.add(operation.latency());
        last_completion_ = operation.completed;
    } else {
        ++faults_;
        operation.data.clear();
    }
    if (operation.on_done) operation.on_done(operation);
}

void DmaEngine::submit(const sim::DmaHandle& operation) {
    assert(root_ != nullptr && problem(*operation) == nullptr);
    const bool read = operation->command == sim::Command::Read;
    if (read_operations_ + write_operations_ == 0) [[unlikely]]
        first_issue_ = simulation_.now();
    ++(read ? read_operations_ : write_operations_);
    operation->submitted = simulation_.now();
    if (!function_.bus_master()) {
        // Command register, bit 2: without it no memory request goes upstream.
        const sim::DmaHandle kept = operation;  // its owner may let go of it when it hears of the end
        kept->status = sim::Status::Unsupported;
        account(*kept);
        return;
    }
    DmaTransfer& transfer = transfers_.take();
    if (read) operation->data.resize(operation->size);
    transfer.operation = operation;
    transfer.issued = 0;
    transfer.in_flight = 0;
    transfer.status = sim::Status::Ok;
    transfer.last = simulation_.now();
    transfer.sequence = ++sequence_;
    transfer.behind = posted_queued_;
    if (read) {
        sim::append(read_queue_, &transfer);
    } else {
        posted_queue_.push_back({&transfer, {}, transfer.sequence});
        ++posted_queued_;
    }
    pump();
}

void DmaEngine::send(const arch::Message& message) {
    assert(root_ != nullptr);
    posted_queue_.push_back({nullptr, message, ++sequence_});
    ++posted_queued_;
    pump();
}

void DmaEngine::issue() {
    pumping_ = true;
    while (queued() && issue_next()) {
    }
    pumping_ = false;
}

spec::Packet DmaEngine::packet_of(const Posted& posted) const {
    if (posted.transfer == nullptr) return spec::memory_write(posted.message.address, 4, false);
    const sim::DmaOperation& operation = *posted.transfer->operation;
    const u64 address = operation.address + posted.transfer->issued;
    const u32 length = arch::first_request(address, operation.size - posted.transfer->issued, function_.max_payload());
    return spec::memory_write(address, length, operation.attributes.has_substream());
}

/// Those that the operation asks for, as far as the function may send them.
inline void DmaEngine::limit(sim::Attributes& attributes) const {
    attributes.transaction_class = sim::TransactionClass::Data;
    attributes.secure = false;
    // A hint is sent only when the function may use it (DEVCTL, DEVCTL2).
    attributes.relaxed_ordering &= function_.relaxed_ordering_enabled();
    attributes.no_snoop &= function_.no_snoop_enabled();
    attributes.id_based_ordering &= function_.id_based_ordering_enabled();
}

inline void DmaEngine::launch(DmaRequest& request, Time arrival) {
    request.access->scratch() = reinterpret_cast<u64>(&request);
    request.access->push(*this);
    root_->request(number_, *request.access, arrival);
}

inline void DmaEngine::count_packet(Time at, const char* kind, const sim::Access& access) {
    ++(access.is_write() ? write_packets_ : read_packets_);
    if (simulation_.trace() != nullptr) [[unlikely]]
        trace_packet(at, kind, access);
}

[[gnu::always_inline]] inline void DmaEngine::issue_read(const spec::Packet& packet) {
    DmaTransfer& transfer = *read_queue_.front();
    const sim::DmaOperation& operation = *transfer.operation;
    const u64 address = operation.address + transfer.issued;
    const u32 length = arch::first_request(address, operation.size - transfer.issued, function_.max_read_request());
    const LinkDirection::Sent sent = link_.up().send(packet, simulation_.now() + config_.transmit_latency);
    if (tags_.in_use() == 0) function_.set_transactions_pending(true);
    DmaRequest& request = reads_[tags_.take()];
    lacks_tag_ = false;
    request.transfer = &transfer;
    request.offset = transfer.issued;
    request.access = simulation_.accesses().make(sim::Command::Read, address, length, operation.attributes);
    request.access->lend(transfer.operation->data.data() + transfer.issued);
    limit(request.access->attributes);
    transfer.issued += length;
    ++transfer.in_flight;
    next_issue_ = simulation_.now() + config_.issue_interval;
    if (transfer.issued == operation.size) read_queue_.pop_front();
    count_packet(sent.start, "MRd", *request.access);
    launch(request, sent.arrival);
}

/// Sends the next read, if there is nothing against it.
[[gnu::always_inline]] inline DmaEngine::Obstacles DmaEngine::try_read(bool in_pace) {
    if (!in_pace) return out_of_pace;
    const DmaTransfer& transfer = *read_queue_.front();
    const sim::DmaOperation& operation = *transfer.operation;
    const spec::Packet packet =
        spec::memory_read(operation.address + transfer.issued, operation.attributes.has_substream());
    if (!link_.up().affordable(packet)) return out_of_credit;
    issue_read(packet);
    return none;
}

DmaEngine::Obstacles DmaEngine::try_posted(bool in_pace) {
    // The DMA engine's own pace does not hold messages.
    if (posted_queue_.front().transfer != nullptr && !in_pace) return out_of_pace;
    if (!link_.up().affordable(packet_of(posted_queue_.front()))) return out_of_credit;
    issue_posted();
    return none;
}

/// Sends what is posted or, if it may go as well, the next read: what came first, else the other.
DmaEngine::Obstacles DmaEngine::try_both(bool read, bool in_pace) {
    if (!read) return try_posted(in_pace);
    const Posted& front = posted_queue_.front();
    const bool posted_first = front.transfer == nullptr || front.sequence < read_queue_.front()->sequence;
    Obstacles obstacles = none;
    for (const bool posted : {posted_first, !posted_first}) {
        const Obstacles found = posted ? try_posted(in_pace) : try_read(in_pace);
        if (found == none) return none;
        obstacles |= found;
    }
    return obstacles;
}

inline bool DmaEngine::issue_next() {
    LinkDirection& up = link_.up();
    const Time now = simulation_.now();
    const bool posted = !posted_queue_.empty();
    // Table of ordering rules: a read does not pass an earlier posted request.
    bool read = !read_queue_.empty() && posted_sent_ >= read_queue_.front()->behind;
    if (read && !tags_.available(function_.usable_tags())) {
        tag_waits_ += !std::exchange(lacks_tag_, true);
        read = false;  // goes on when a tag comes back
    }
    if (!posted && !read) return false;
    if (up.free_at() > now + config_.transmit_latency) {
        up.wait_for_wire(*this, config_.transmit_latency);
        return false;
    }
    const bool in_pace = now >= next_issue_;
    const Obstacles obstacles = posted ? try_both(read, in_pace) : try_read(in_pace);
    if (obstacles == none) [[likely]]
        return true;
    if ((obstacles & out_of_credit) != 0) up.wait_for_credits(*this);
    if ((obstacles & out_of_pace) != 0 && !std::exchange(paced_, true))
        simulation_.scheduler().at(next_issue_, &DmaEngine::next_in_pace, this);
    return false;
}

void DmaEngine::next_in_pace(void* object, void*) {
    DmaEngine& engine = *static_cast<DmaEngine*>(object);
    engine.paced_ = false;
    engine.pump();
}

void DmaEngine::trace_packet(Time at, const char* kind, const sim::Access& access) {
    if (!simulation_.trace()->wants(sim::Trace::Kind::Packet)) return;
    simulation_.trace()->line(sim::Trace::Kind::Packet, at, name_,
                              fmt::format("{} {:#x} +{}", kind, access.address, access.size));
}

void DmaEngine::issue_posted() {
    const Posted posted = posted_queue_.front();
    const spec::Packet packet = packet_of(posted);
    const LinkDirection::Sent sent = link_.up().send(packet, simulation_.now() + config_.transmit_latency);
    DmaRequest& request = writes_.take();
    request.transfer = posted.transfer;
    if (posted.transfer == nullptr) {
        posted_queue_.pop_front();
        ++posted_sent_;
        request.access = simulation_.accesses().make(sim::Command::Write, posted.message.address, 4);
        request.access->set_value(posted.message.data);
        // A message is a plain write, never relaxed, never without snoop.
        request.access->attributes.transaction_class = sim::TransactionClass::Message;
        request.access->set_journey(messages_.begin(posted.message.vector, sent.start));
        count_packet(sent.start, "MSI", *request.access);
    } else {
        DmaTransfer& transfer = *posted.transfer;
        const sim::DmaOperation& operation = *transfer.operation;
        const u64 address = operation.address + transfer.issued;
        const u32 length = arch::first_request(address, operation.size - transfer.issued, function_.max_payload());
        request.access = simulation_.accesses().make(sim::Command::Write, address, length, operation.attributes);
        request.access->load(operation.data.data() + transfer.issued);
        limit(request.access->attributes);
        transfer.issued += length;
        ++transfer.in_flight;
        next_issue_ = simulation_.now() + config_.issue_interval;
        if (transfer.issued == operation.size) {
            posted_queue_.pop_front();
            ++posted_sent_;
        }
        count_packet(sent.start, "MWr", *request.access);
    }
    launch(request, sent.arrival);
    if (follower_ != nullptr) [[unlikely]]
        std::exchange(follower_, nullptr)->link_ready();
}

inline void DmaEngine::finish(DmaTransfer& transfer) {
    const sim::DmaHandle operation = std::move(transfer.operation);
    transfer.operation = nullptr;
    operation->status = transfer.status;
    transfers_.give_back(transfer);
    account(*operation);
}

void DmaEngine::write_done(DmaRequest& request, Time at) {
    const sim::Status status = request.access->status;
    DmaTransfer* const transfer = request.transfer;
    request.access.reset();
    writes_.give_back(request);
    if (transfer == nullptr) return;
    transfer->note(status);
    transfer->last = std::max(transfer->last, at);
    --transfer->in_flight;
    if (transfer->done()) simulation_.scheduler().at(transfer->last, &DmaEngine::last_part_done, this, transfer);
}

void DmaEngine::complete(sim::Access& access, Time at) {
    DmaRequest& request = *reinterpret_cast<DmaRequest*>(access.scratch());
    if (access.is_write()) write_done(request, at);
    else simulation_.scheduler().at(at + config_.receive_latency, &DmaEngine::read_arrived, this, &request);
}

void DmaEngine::read_arrived(void* object, void* argument) {
    DmaEngine& engine = *static_cast<DmaEngine*>(object);
    DmaRequest& request = *static_cast<DmaRequest*>(argument);
    DmaTransfer& transfer = *request.transfer;
    const sim::Access& access = *request.access;
    transfer.note(access.status);
    if (!sim::succeeded(access.status)) [[unlikely]]
        engine.function_.report_abort(access.status);
    else if (!access.lent()) access.store(transfer.operation->data.data() + request.offset);
    request.access.reset();
    engine.tags_.give_back(request.tag);
    if (engine.tags_.in_use() == 0) engine.function_.set_transactions_pending(false);
    --transfer.in_flight;
    if (transfer.done()) engine.finish(transfer);
    engine.pump();
}

void DmaEngine::reset() {
    for (const sim::DmaHandle& operation : clear()) {
        operation->status = sim::Status::Timeout;
        account(*operation);
    }
}

void DmaEngine::last_part_done(void* object, void* argument) {
    static_cast<DmaEngine*>(object)->finish(*static_cast<DmaTransfer*>(argument));
}

}  // namespace smmusim::pcie::uarch
