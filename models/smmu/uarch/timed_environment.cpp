#include "smmu/uarch/timed_environment.hpp"

#include <fmt/format.h>

#include <cassert>

#include "sim/trace.hpp"

namespace smmusim::smmu::uarch {

using arch::Fetch;
using arch::Fetched;
using arch::FetchedDescriptor;
using arch::Stage2Leaf;
using arch::TablePoint;
using arch::Tags;
using sim::Task;

namespace {

constexpr std::array fetch_names{"L1STD", "STE", "L1CD", "CD", "S1", "S2"};

void set_attributes(sim::Access& access, const Fetch& fetch) {
    access.attributes = {};
    access.attributes.transaction_class =
        fetch.descriptor() ? sim::TransactionClass::TableWalk : sim::TransactionClass::ConfigFetch;
    access.attributes.privileged = true;
    access.attributes.memory = fetch.memory;
}

}  // namespace

sim::AccessPtr own_access(sim::AccessPool& accesses, sim::Command command, const Fetch& fetch) {
    sim::AccessPtr access = accesses.make(command, fetch.address, fetch.size);
    set_attributes(*access, fetch);
    return access;
}

void TimedEnvironment::trace(const Fetch& fetch, const char* what, const FetchedDescriptor& fetched) const {
    auto* const trace = tcu_.simulation_.trace();
    if (trace == nullptr || !trace->wants(sim::Trace::Kind::Walk)) return;
    trace->line(sim::Trace::Kind::Walk, tcu_.simulation_.now(), tcu_.name_,
                fmt::format("{}{} level {} [{:#x}] = {:#x}{}", fetch_names[static_cast<u8>(fetch.kind)], what,
                            fetch.level == arch::Translation::no_level ? -1 : fetch.level, fetch.address, fetched.raw,
                            fetched.ok ? "" : " aborted"));
}

TimedEnvironment::Reader::Reader(TimedEnvironment& environment, Tcu& tcu)
    : Taker(tcu.walk_slots_, &Reader::slot_granted), environment_(environment) {}

TimedEnvironment::Reader::~Reader() = default;

void TimedEnvironment::Reader::start(const Fetch& fetch, arch::Descent* walk, std::coroutine_handle<> handle) {
    fetch_ = &fetch;
    walk_ = walk;
    if (walk != nullptr && walk->covers == 0) [[likely]]
        environment_.set_out(*walk, walk->point.level);
    suspend(handle);
    if (environment_.slot_) [[likely]] {
        read();
        return;
    }
    asked_ = simulation().now();
    if (take_free()) {
        begin();
    } else {
        wait_for(environment_.tcu_.walk_slots_.name());
        queue();
    }
}

void TimedEnvironment::Reader::slot_granted(void* waiter, void*) {
    static_cast<Reader&>(*static_cast<Waiter*>(waiter)).begin();
}
void TimedEnvironment::Reader::slot_ready(void* waiter, void*) {
    static_cast<Reader&>(*static_cast<Waiter*>(waiter)).read();
}

void TimedEnvironment::Reader::prepare() { access_ = simulation().accesses().make(sim::Command::Read, 0, 0); }

/// There is a slot.
void TimedEnvironment::Reader::begin() {
    environment_.granted(taken(), asked_);
    const Tcu& tcu = environment_.tcu_;
    wait_for(tcu.read_name_);
    if (tcu.config_.walk_start_latency == 0) read();
    else proceed(tcu.clock_.after(simulation().now(), tcu.config_.walk_start_latency), &Reader::slot_ready);
}

/// The first of a descent, or the only one.
void TimedEnvironment::Reader::read() {
    if (!fetch_->descriptor() || environment_.reads_ == 0) environment_.count_first(*fetch_);
    access_->resize(fetch_->size);
    set_attributes(*access_, *fetch_);
    send(simulation().now());
}

/// What lies there is wanted at `from`; of a descent all reads are alike but for the address.
inline void TimedEnvironment::Reader::send(Time from) {
    sim::Access& access = *access_;
    access.status = sim::Status::Pending;
    access.address = fetch_->address;
    access.push(*this);
    const Tcu& tcu = environment_.tcu_;
    tcu.memory_.send(access, tcu.config_.walk_latency == 0 ? from : tcu.clock_.after(from, tcu.config_.walk_latency));
}

/// Memory has been read; the TCU has the answer later.
void TimedEnvironment::Reader::complete(sim::Access& access, Time at) {
    // Counted and told in the order in which memory was accessed.
    TimedEnvironment& environment = environment_;
    Tcu& tcu = environment.tcu_;
    tcu.count(*fetch_, environment.stream_);
    const Time then = tcu.config_.walk_return_latency == 0 ? at : tcu.clock_.after(at, tcu.config_.walk_return_latency);
    if (walk_ == nullptr) [[unlikely]] {
        structure_read(then);
        return;
    }
    ++environment.reads_;
    const FetchedDescriptor fetched = descriptor();
    if (tcu.simulation_.trace() != nullptr) [[unlikely]]
        environment.trace(*fetch_, "", fetched);
    // Where a table is kept, or hardware updates descriptors under a lock of their line, the answer is an event.
    const bool shared = environment.keeps_tables(walk_->stage1) || walk_->regime.update.access_flag;
    if (shared || access.foreign() != nullptr) {
        depend(fetched);
        proceed(then, &Reader::descriptor_read);
    } else if (walk_->follow(environment, fetched)) {
        // Else nothing happens at the answer that others could see: the next read is sent ahead of it.
        send(then);
    } else {
        depend(fetched);
        proceed(then, &Waiter::resume);
    }
}

/// From now on, and not only from the answer on, an invalidation of the leaf concerns the walk.
void TimedEnvironment::Reader::depend(const FetchedDescriptor& fetched) {
    const arch::Descriptor descriptor = walk_->descriptor(fetched);
    if (walk_->shape(descriptor) == arch::Shape::Leaf)
        environment_.found_leaf(walk_->stage1, leaf_span(descriptor, walk_->regime.geometry, walk_->point.level));
}

void TimedEnvironment::Reader::structure_read(Time then) {
    const bool ok = access_->status == sim::Status::Ok;
    u64 first = 0;
    if (ok) std::memcpy(&first, access_->data(), sizeof first);
    environment_.trace(*fetch_, "", {ok, first});
    proceed(then, &Waiter::resume);
}

/// The coroutine of the walk goes on when there is more to do than to read the next table.
void TimedEnvironment::Reader::descriptor_read(void* waiter, void*) {
    Reader& reader = static_cast<Reader&>(*static_cast<Waiter*>(waiter));
    if (!reader.walk_->follow(reader.environment_, reader.descriptor())) {
        resume(waiter, nullptr);
        return;
    }
    // Foreign modules may have changed the attributes.
    if (reader.access_->foreign() != nullptr) [[unlikely]]
        set_attributes(*reader.access_, *reader.fetch_);
    reader.send(reader.simulation().now());
}

Fetched TimedEnvironment::Read::await_resume() const {
    const sim::Access& access = environment_.reader_.access();
    Fetched fetched;
    fetched.ok = access.status == sim::Status::Ok;
    if (fetched.ok) std::memcpy(fetched.words.data(), access.data(), fetch_.size);
    return fetched;
}

/// What counts once: the first descriptor that is read, and the first structure.
void TimedEnvironment::count_first(const Fetch& fetch) {
    if (fetch.descriptor()) {
        began_ = tcu_.simulation_.now();
        if (!std::exchange(job_.missed, true)) tcu_.missed(stream_);
    } else if (!std::exchange(fetched_configuration_, true)) {
        ++tcu_.config_misses_;
        tcu_.events.report(spec::MonitorEvent::ConfigCacheMiss, stream_);
    }
}

Task<FetchedDescriptor> TimedEnvironment::update(const Fetch fetch, u64 expected, u64 desired) {
    if (updates_ == Updates::Forbidden) co_return FetchedDescriptor{};
    if (updates_ == Updates::Pretended) co_return FetchedDescriptor{true, expected};
    assert(slot_);  // the descriptor has been read
    ++tcu_.walk_accesses_;
    ++tcu_.updates_;
    tcu_.events.report(spec::MonitorEvent::TransTableWalkAccess, stream_);
    sim::Simulation& simulation = tcu_.simulation_;
    co_await cycles(tcu_.config_.walk_latency);
    const sim::AccessPtr access = own_access(simulation.accesses(), sim::Command::Atomic, fetch);
    access->operation = sim::AtomicOperation::CompareSwap;
    access->compare = expected;
    access->operand = desired;
    const sim::Status status = co_await sim::transfer(simulation, tcu_.memory_, *access, tcu_.read_name_);
    FetchedDescriptor before;
    before.ok = status == sim::Status::Ok;
    if (before.ok) before.raw = access->value();
    trace(fetch, " update", before);
    co_return before;
}

Task<arch::ContextPtr> TimedEnvironment::search_context(u32 stream, u32 substream) {
    co_await cycles(tcu_.config_cycles_);
    searched_configuration_ = true;
    co_return tcu_.known_context(stream, substream);
}

namespace {

template <class T>
std::optional<T> value_of(const T* known) {
    return known != nullptr ? std::optional<T>(*known) : std::nullopt;
}

}  // namespace

sim::Answer<std::optional<spec::Ste>> TimedEnvironment::cached_ste(u32 stream) {
    if (!searched_configuration_) return search_ste(stream);
    const spec::Ste* const known = tcu_.stes_.find({stream, 0});
    if (tcu_.stes_.capacity() != 0) tcu_.ste_look_ups_.count(known != nullptr);
    return value_of(known);
}

Task<std::optional<spec::Ste>> TimedEnvironment::search_ste(u32 stream) {
    co_await cycles(tcu_.config_cycles_);
    searched_configuration_ = true;
    co_return co_await cached_ste(stream);
}

sim::Answer<std::optional<spec::Cd>> TimedEnvironment::cached_cd(u32 stream, u32 index) {
    // Found in the same look-up as the entry.
    const spec::Cd* const known = tcu_.cds_.find({stream, index});
    if (tcu_.cds_.capacity() != 0) tcu_.cd_look_ups_.count(known != nullptr);
    return value_of(known);
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

Task<bool> TimedEnvironment::search_translation(const Tags& tags, u64 address, arch::Translation& translation) {
    searched1_ = std::make_unique<Stage1WalkCache::Found>();
    *searched1_ = co_await search(tcu_.stage1_, tags, address);
    if (!searched1_->leaf) co_return false;
    translation = at_address(*searched1_->leaf, address);
    found_leaf(true, translation.reach());
    co_return true;
}

Task<bool> TimedEnvironment::search_stage2(const Tags& tags, u64 ipa, Stage2Leaf& leaf) {
    if (tcu_.ipas_.present()) {
        co_await cycles(tcu_.config_.ipa_cache_latency);
        const Stage2Leaf* const known = tcu_.ipas_.find(tags, ipa);
        tcu_.ipa_look_ups_.count(known != nullptr);
        if (known != nullptr) {
            leaf = at_address(*known, ipa);
            found_leaf(false, leaf.reach());
            co_return true;
        }
    }
    if (!tcu_.stage2_.keeps_leaves()) co_return false;
    searched2_ = std::make_unique<Stage2WalkCache::Found>();
    *searched2_ = co_await search(tcu_.stage2_, stage2_tags(tags), ipa);
    if (!searched2_->leaf) co_return false;
    leaf = at_address(*searched2_->leaf, ipa);
    found_leaf(false, leaf.reach());
    co_return true;
}

Task<> TimedEnvironment::search_table(arch::Descent& walk) {
    const Tags& tags = walk.context.tags;
    for (;;) {
        if (walk.stage1) walk.point = co_await deepest_table(tcu_.stage1_, searched1_, tags, walk.address);
        else walk.point = co_await deepest_table(tcu_.stage2_, searched2_, stage2_tags(tags), walk.address);
        if (walk.point.valid) set_out(walk, walk.point.level - 1);
        // From here on it reads. While it waits for a slot others may find tables that it needs as well.
        if (slot_) co_return;
        const bool waited = co_await take_slot();
        if (!waited) co_return;
    }
}

/// The answer: whether there was none free.
Task<bool> TimedEnvironment::take_slot() {
    const Time asked = tcu_.simulation_.now();
    sim::Slots::Slot slot = tcu_.walk_slots_.try_take();
    const bool waits = !slot;
    if (waits) slot = co_await tcu_.walk_slots_.take();
    granted(std::move(slot), asked);
    co_await cycles(tcu_.config_.walk_start_latency);
    co_return waits;
}

template <class Leaf>
Task<TablePoint> TimedEnvironment::deepest_table(WalkCache<Leaf>& cache,
                                                 std::unique_ptr<typename WalkCache<Leaf>::Found>& searched,
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

void TimedEnvironment::insert_table(const Tags& tags, bool stage1, u64 address, unsigned span,
                                    const TablePoint& point) {
    if (job_.stale) return;
    if (!stage1) tcu_.stage2_.insert(stage2_tags(tags), address, span, point);
    else if (!tags.stage2) tcu_.stage1_.insert(tags, address, span, point);
    // A nested one is kept when it is known where it lies.
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

TimedEnvironment::~TimedEnvironment() = default;

void TimedEnvironment::granted(sim::Slots::Slot slot, Time asked) {
    slot_ = std::move(slot);
    reader_.prepare();
    const Time waited = tcu_.simulation_.now() - asked;
    tcu_.walk_wait_.add(waited);
    job_.slot_wait += waited;
}

}  // namespace smmusim::smmu::uarch
