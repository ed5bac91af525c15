#include "smmu/uarch/timed_environment.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"

namespace smmusim::smmu::uarch {

using arch::Checked;
using arch::Fetch;
using arch::Fetched;
using arch::Stage2Leaf;
using arch::TablePoint;
using arch::Tags;
using sim::Task;

namespace {

constexpr std::array fetch_names{"L1STD", "STE", "L1CD", "CD", "S1", "S2"};

}  // namespace

sim::AccessPtr own_access(sim::AccessPool& accesses, sim::Command command, const Fetch& fetch) {
    sim::AccessPtr access = accesses.make(command, fetch.address, fetch.size);
    access->attributes.transaction_class =
        fetch.descriptor() ? sim::TransactionClass::TableWalk : sim::TransactionClass::ConfigFetch;
    access->attributes.privileged = true;
    access->attributes.memory = fetch.memory;
    return access;
}

void TimedEnvironment::trace(const Fetch& fetch, const char* what, const Fetched& fetched) const {
    auto* const trace = tcu_.simulation_.trace();
    if (trace == nullptr || !trace->wants(sim::Trace::Kind::Walk)) return;
    trace->line(sim::Trace::Kind::Walk, tcu_.simulation_.now(), tcu_.name_,
                fmt::format("{}{} level {} [{:#x}] = {:#x}{}", fetch_names[static_cast<u8>(fetch.kind)], what,
                            fetch.level == arch::Translation::no_level ? -1 : fetch.level, fetch.address,
                            fetched.words[0], fetched.ok ? "" : " aborted"));
}

TimedEnvironment::Read TimedEnvironment::read(const Fetch& fetch) { return Read(*this, fetch); }

TimedEnvironment::Read::Read(TimedEnvironment& environment, const Fetch& fetch)
    : Waiter(environment.tcu_.simulation_, environment.tcu_.read_name_), environment_(environment), fetch_(fetch) {
    if (!environment.slot_ && !environment.take_free_slot()) first_.emplace(environment.read_with_slot(fetch));
}

TimedEnvironment::Read::~Read() = default;  // an access under way finishes without us

Task<Fetched> TimedEnvironment::read_with_slot(const Fetch fetch) {
    co_await take_slot();
    co_return co_await read(fetch);
}

void TimedEnvironment::Read::await_suspend(std::coroutine_handle<> handle) {
    if (first_) {
        first_->operator co_await().await_suspend(handle);
        return;
    }
    environment_.count(fetch_);
    suspend(handle);
    access_ = own_access(simulation().accesses(), sim::Command::Read, fetch_);
    access_->push(*this);
    const Tcu& tcu = environment_.tcu_;
    tcu.memory_.send(*access_, tcu.clock_.after(simulation().now(), tcu.config_.walk_latency));
}

void TimedEnvironment::Read::complete(sim::Access&, Time at) {
    const Tcu& tcu = environment_.tcu_;
    wake(tcu.config_.walk_return_latency == 0 ? at : tcu.clock_.after(at, tcu.config_.walk_return_latency));
}

Fetched TimedEnvironment::Read::await_resume() {
    if (first_) return first_->operator co_await().await_resume();
    Fetched fetched;
    fetched.ok = access_->status == sim::Status::Ok;
    if (fetched.ok) std::memcpy(fetched.words.data(), access_->data(), fetch_.size);
    environment_.trace(fetch_, "", fetched);
    return fetched;
}

void TimedEnvironment::count(const Fetch& fetch) {
    if (fetch.descriptor() && reads_++ == 0) began_ = tcu_.simulation_.now();
    if (!fetch.descriptor() && !fetched_configuration_) {
        fetched_configuration_ = true;
        ++tcu_.config_misses_;
        tcu_.events.report(spec::MonitorEvent::ConfigCacheMiss, job_.request.stream_id);
    }
    if (fetch.descriptor() && !std::exchange(job_.missed, true)) tcu_.missed(job_.request.stream_id);
    tcu_.count(fetch, job_.request.stream_id);
}

Task<Fetched> TimedEnvironment::update(const Fetch fetch, u64 expected, u64 desired) {
    if (updates_ == Updates::Forbidden) co_return Fetched{};
    if (updates_ == Updates::Pretended) {
        Fetched pretended;
        pretended.ok = true;
        pretended.words[0] = expected;
        co_return pretended;
    }
    if (!slot_) co_await take_slot();  // everything before came from caches
    ++tcu_.walk_accesses_;
    ++tcu_.updates_;
    tcu_.events.report(spec::MonitorEvent::TransTableWalkAccess, job_.request.stream_id);
    sim::Simulation& simulation = tcu_.simulation_;
    co_await cycles(tcu_.config_.walk_latency);
    const sim::AccessPtr access = own_access(simulation.accesses(), sim::Command::Atomic, fetch);
    access->operation = sim::AtomicOperation::CompareSwap;
    access->compare = expected;
    access->operand = desired;
    const sim::Status status = co_await sim::transfer(simulation, tcu_.memory_, *access, tcu_.read_name_);
    Fetched before;
    before.ok = status == sim::Status::Ok;
    if (before.ok) before.words[0] = access->value();
    trace(fetch, " update", before);
    co_return before;
}

TimedEnvironment::KnownContext TimedEnvironment::cached_context(u32 stream, u32 substream) {
    return KnownContext(*this, stream, substream);
}

sim::Answer<Checked<spec::Ste>> TimedEnvironment::cached_ste(u32 stream) {
    if (!searched_configuration_) return search_ste(stream);
    const spec::Ste* const known = tcu_.stes_.find({stream, 0});
    return known != nullptr ? Checked<spec::Ste>(*known) : unknown<spec::Ste>();
}

Task<Checked<spec::Ste>> TimedEnvironment::search_ste(u32 stream) {
    co_await cycles(tcu_.config_.config_latency);
    searched_configuration_ = true;
    co_return co_await cached_ste(stream);
}

sim::Answer<Checked<spec::Cd>> TimedEnvironment::cached_cd(u32 stream, u32 index) {
    // Found in the same look-up as the entry.
    const spec::Cd* const known = tcu_.cds_.find({stream, index});
    return known != nullptr ? Checked<spec::Cd>(*known) : unknown<spec::Cd>();
}

template <class Leaf>
Task<typename WalkCache<Leaf>::Found> TimedEnvironment::search(WalkCache<Leaf>& cache, const Tags tags, u64 address) {
    typename WalkCache<Leaf>::Found found;
    if (!cache.present()) co_return found;
    if (tcu_.config_.walk_cache_search == WalkCacheSearch::Parallel) {
        co_await cycles(tcu_.config_.walk_cache_latency);
        for (unsigned level = cache.levels; level-- != 0 && !found.known();) cache.look_up(level, tags, address, found);
    } else {
        for (unsigned level = cache.levels; level-- != 0 && !found.known();) {
            if (!cache.present(level)) continue;
            co_await cycles(tcu_.config_.walk_cache_latency);
            cache.look_up(level, tags, address, found);
        }
    }
    cache.count(found);
    co_return found;
}

sim::Answer<Checked<arch::Translation>> TimedEnvironment::cached_translation(const Tags& tags, u64 address) {
    if (!tags.stage1 || !tcu_.stage1_.keeps_leaves()) return unknown<arch::Translation>();
    return search_translation(tags, address);
}

Task<Checked<arch::Translation>> TimedEnvironment::search_translation(const Tags tags, u64 address) {
    searched1_ = co_await search(tcu_.stage1_, tags, address);
    if (!searched1_->leaf) co_return unknown<arch::Translation>();
    co_return at_address(*searched1_->leaf, address);
}

sim::Answer<Checked<Stage2Leaf>> TimedEnvironment::cached_stage2(const Tags& tags, u64 ipa) {
    if (!tcu_.ipas_.present() && !tcu_.stage2_.keeps_leaves()) return unknown<Stage2Leaf>();
    return search_stage2(tags, ipa);
}

Task<Checked<Stage2Leaf>> TimedEnvironment::search_stage2(const Tags tags, u64 ipa) {
    if (tcu_.ipas_.present()) {
        co_await cycles(tcu_.config_.ipa_cache_latency);
        if (const Stage2Leaf* const known = tcu_.ipas_.find(tags, ipa)) co_return at_address(*known, ipa);
    }
    if (!tcu_.stage2_.keeps_leaves()) co_return unknown<Stage2Leaf>();
    searched2_ = co_await search(tcu_.stage2_, stage2_tags(tags), ipa);
    if (!searched2_->leaf) co_return unknown<Stage2Leaf>();
    co_return at_address(*searched2_->leaf, ipa);
}

sim::Answer<TablePoint> TimedEnvironment::cached_table(const Tags& tags, bool stage1, u64 address) {
    if (stage1 ? !tcu_.stage1_.present() : !tcu_.stage2_.present()) return TablePoint{};
    if (stage1) return deepest_table(tcu_.stage1_, searched1_, tags, address);
    return deepest_table(tcu_.stage2_, searched2_, stage2_tags(tags), address);
}

template <class Leaf>
Task<TablePoint> TimedEnvironment::deepest_table(WalkCache<Leaf>& cache,
                                                 std::optional<typename WalkCache<Leaf>::Found>& searched,
                                                 const Tags tags, u64 address) {
    // The look-up for a leaf has found the table as well.
    typename WalkCache<Leaf>::Found found;
    if (searched) found = *searched;
    else found = co_await search(cache, tags, address);
    searched.reset();
    // A leaf that does not answer: the walk begins at the deepest table.
    if (found.leaf) co_return cache.table(tags, address);
    co_return found.table;
}

// What an invalidation covered while it was fetched is not kept.

void TimedEnvironment::keep_context(u32 stream, u32 substream, const arch::ContextPtr& context) {
    if (!job_.stale) tcu_.keep_context(stream, substream, context);
}

void TimedEnvironment::keep_ste(u32 stream, const spec::Ste& ste) {
    if (job_.stale) return;
    tcu_.stes_.insert({stream, 0}, ste);
    ++tcu_.configuration_changes_;
}

void TimedEnvironment::keep_cd(u32 stream, u32 index, const spec::Cd& cd) {
    if (job_.stale) return;
    tcu_.cds_.insert({stream, index}, cd);
    ++tcu_.configuration_changes_;
}

void TimedEnvironment::keep_table(const Tags& tags, bool stage1, u64 address, unsigned span, const TablePoint& point) {
    if (job_.stale) return;
    if (!stage1) tcu_.stage2_.insert(stage2_tags(tags), address, span, point);
    else if (!tags.stage2) tcu_.stage1_.insert(tags, address, span, point);
    // A nested one is kept when it is known where it lies.
}

void TimedEnvironment::place_table(const Tags& tags, u64 address, unsigned span, const TablePoint& point) {
    if (!job_.stale) tcu_.stage1_.insert(tags, address, span, point);
}

void TimedEnvironment::keep_translation(const Tags& tags, u64 address, const arch::Translation& translation) {
    if (job_.stale || !tags.stage1) return;
    tcu_.stage1_.insert(tags, translation.global, address, translation.stage1_level, translation);
}

void TimedEnvironment::keep_stage2(const Tags& tags, u64 ipa, const Stage2Leaf& leaf) {
    if (job_.stale) return;
    tcu_.ipas_.insert(tags, ipa, leaf);
    tcu_.stage2_.insert(stage2_tags(tags), false, ipa, leaf.level, leaf);
}

void TimedEnvironment::forget_stage2(const Tags& tags, u64 ipa) {
    tcu_.ipas_.forget(tags, ipa);
    tcu_.stage2_.forget_leaf(stage2_tags(tags), ipa);
}

void TimedEnvironment::tagged(const Tags& tags) {
    job_.tags = tags;
    job_.tagged = true;
    reads_ = 0;  // stage 2 reads for the context descriptor are not part of the walk
}

TimedEnvironment::~TimedEnvironment() {
    if (slot_) tcu_.slots_busy_ += tcu_.simulation_.now() - granted_;
}

void TimedEnvironment::granted(sim::Slots::Slot slot, Time asked) {
    slot_ = std::move(slot);
    granted_ = tcu_.simulation_.now();
    tcu_.walk_wait_.add(granted_ - asked);
    job_.slot_wait += granted_ - asked;
}

bool TimedEnvironment::take_free_slot() {
    if (tcu_.config_.walk_start_latency != 0) return false;
    sim::Slots::Slot slot = tcu_.walk_slots_.try_take();
    if (!slot) return false;
    granted(std::move(slot), tcu_.simulation_.now());
    return true;
}

Task<> TimedEnvironment::take_slot() {
    const Time asked = tcu_.simulation_.now();
    sim::Slots::Slot slot = co_await tcu_.walk_slots_.take();
    granted(std::move(slot), asked);
    if (tcu_.config_.walk_start_latency != 0) co_await cycles(tcu_.config_.walk_start_latency);
}

}  // namespace smmusim::smmu::uarch
