#include "smmu/uarch/tcu.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"
#include "smmu/uarch/timed_environment.hpp"

namespace smmusim::smmu::uarch {

using arch::Checked;
using arch::Fetch;
using arch::Fetched;
using arch::Stage2Leaf;
using arch::TablePoint;
using arch::Tags;
using arch::TranslationResult;
using sim::Task;

namespace {

template <class T>
Checked<T> unknown() {
    Checked<T> nothing;
    nothing.fault.kind = arch::Fault::Kind::Silent;
    return nothing;
}

constexpr std::array fetch_names{"L1STD", "STE", "L1CD", "CD", "S1", "S2"};

}  // namespace

Tcu::Tcu(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
         const spec::Identification& identification, arch::Registers& registers, sim::Port& memory)
    : simulation_(simulation),
      name_(std::move(name)),
      config_(config),
      clock_(clock),
      identification_(identification),
      registers_(registers),
      memory_(memory),
      walk_slots_(simulation, name_ + ".walk_slots", config.walk_slots),
      stes_(config.config_cache),
      cds_(config.config_cache),
      stage1_tables_(config.walk_cache, true),
      stage2_tables_(config.walk_cache, false),
      ipas_(config.ipa_cache),
      job_name_(name_ + ": a translation of the same page"),
      read_name_(name_ + ": a table read") {}

Task<TranslationResult> Tcu::translate(Pending& pending) {
    received(pending.request.stream_id);
    if (!pending.request.ordinary()) {
        if (pending.request.address_type == sim::AddressType::TranslationRequest)
            events.report(spec::MonitorEvent::PcieAtsTransRq, pending.request.stream_id);
        // ATS and unsupported transactions share no walk.
        const auto job = std::make_shared<WalkJob>(simulation_, job_name_);
        job->request = pending.request;
        pending.job = job;
        co_return co_await walk(job);
    }
    const MissKey key{pending.request.stream_id, pending.request.substream_id, pending.address >> 12};
    const auto found = misses_.find(key);
    if (found != misses_.end() && !found->second->stale) {
        const std::shared_ptr<WalkJob> job = found->second;
        ++joined_;
        pending.job = job;
        while (!job->finished) co_await job->done.wait();
        // What the walk found serves everybody whom it permits; a fault is found, and recorded, by each on its own.
        TranslationResult result = job->result;
        if (result.outcome.disposition == arch::Disposition::Proceed && result.outcome.translated) {
            const arch::Request effective =
                arch::override_request(pending.request, result.context.ste, identification_);
            arch::Translation translation = result.outcome.translation;
            const u64 within = sim::low_mask(12);
            translation.output = (translation.output & ~within) | (pending.request.address & within);
            translation.ipa = (translation.ipa & ~within) | (pending.request.address & within);
            if (translation.permissions().allow(effective)) {
                if (job->missed) missed(pending.request.stream_id);
                result.outcome = arch::proceed(result.context, identification_, effective, translation);
                co_return result;
            }
        }
    }
    const auto job = std::make_shared<WalkJob>(simulation_, job_name_);
    job->request = pending.request;
    pending.job = job;
    pending.stale = false;  // what a joined walk may have missed, this one sees
    misses_[key] = job;
    const TranslationResult result = co_await walk(job);
    job->result = result;
    job->finished = true;
    const auto mine = misses_.find(key);
    if (mine != misses_.end() && mine->second == job) misses_.erase(mine);
    job->done.notify_all();
    co_return result;
}

Task<TranslationResult> Tcu::walk(std::shared_ptr<WalkJob> job) {
    TimedEnvironment environment(*this, *job);
    const TranslationResult result = co_await arch::translate(environment, job->request);
    if (environment.reads() != 0 && !result.outcome.fault) {
        ++walks_;
        walk_latency_.add(simulation_.now() - environment.began());
        walk_reads_.add(environment.reads());
    }
    co_return result;
}

/// A job that no transaction waits for.
class Tcu::Background {
public:
    Background(Tcu& tcu, u32 stream) : tcu_(tcu), job_(tcu.simulation_, tcu.job_name_) {
        job_.request.stream_id = stream;
        tcu_.background_.push_back(&job_);
        tcu_.received(stream);
    }
    ~Background() { std::erase(tcu_.background_, &job_); }
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    WalkJob& job() { return job_; }

private:
    Tcu& tcu_;
    WalkJob job_;
};

Task<> Tcu::prefetch(arch::Prefetch prefetch) {
    // A hint: no more than the walk slots can hold at one time is followed.
    const u64 count = std::min<u64>(prefetch.count, config_.walk_slots);
    for (u64 index = 0; index < count && registers_.control().enabled; ++index) {
        Background background(*this, prefetch.stream);
        TimedEnvironment environment(*this, background.job());
        arch::Request request;
        request.stream_id = prefetch.stream;
        request.substream_id = prefetch.substream;
        request.address = prefetch.first + index * prefetch.stride;
        request.speculative = true;
        if (prefetch.addresses) co_await arch::translate(environment, request);
        else co_await arch::lookup_context(environment, request);
    }
}

Task<spec::GatosPar> Tcu::operate(arch::AddressOperation operation) {
    Background background(*this, static_cast<u32>(operation.stream[spec::GatosSid::STREAMID]));
    TimedEnvironment environment(*this, background.job());
    environment.set_updates(!operation.address[spec::GatosAddr::HTTUI]);
    co_return co_await arch::translate_by_register(environment, operation);
}

Task<Checked<arch::StreamContext>> Tcu::entry(u32 stream) {
    Background background(*this, stream);
    TimedEnvironment environment(*this, background.job());
    arch::Request request;
    request.stream_id = stream;
    co_return co_await arch::lookup_entry(environment, request);
}

bool Tcu::dormant() const {
    return stes_.size() == 0 && cds_.size() == 0 && stage1_tables_.empty() && stage2_tables_.empty() && ipas_.empty() &&
           misses_.empty() && background_.empty();
}

void Tcu::received(u32 stream) {
    ++requests_;
    events.report(spec::MonitorEvent::Transaction, stream);
}

void Tcu::missed(u32 stream) {
    ++misses_of_requests_;
    events.report(spec::MonitorEvent::TlbMiss, stream);
}

void Tcu::count(const Fetch& fetch, u32 stream) {
    using Event = spec::MonitorEvent;
    events.report(fetch.descriptor() ? Event::TransTableWalkAccess : Event::ConfigStructAccess, stream);
    switch (fetch.kind) {
        case Fetch::Kind::Stage1:
            ++walk_accesses_;
            ++stage1_reads_;
            return;
        case Fetch::Kind::Stage2:
            ++walk_accesses_;
            ++stage2_reads_;
            return;
        default: ++structure_reads_;
    }
}

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

Task<Fetched> TimedEnvironment::read(const Fetch fetch) {
    if (!slot_) slot_ = co_await tcu_.walk_slots_.take();
    if (fetch.descriptor() && reads_++ == 0) began_ = tcu_.simulation_.now();
    if (!fetch.descriptor() && !fetched_configuration_) {
        fetched_configuration_ = true;
        ++tcu_.config_misses_;
        tcu_.events.report(spec::MonitorEvent::ConfigCacheMiss, job_.request.stream_id);
    }
    if (fetch.descriptor() && !std::exchange(job_.missed, true)) tcu_.missed(job_.request.stream_id);
    tcu_.count(fetch, job_.request.stream_id);
    sim::Simulation& simulation = tcu_.simulation_;
    co_await simulation.until(tcu_.clock_.after(simulation.now(), tcu_.config_.walk_latency));

    const sim::AccessPtr access = own_access(simulation.accesses(), sim::Command::Read, fetch);
    const sim::Status status = co_await sim::transfer(simulation, tcu_.memory_, *access, tcu_.read_name_);
    Fetched fetched;
    fetched.ok = status == sim::Status::Ok;
    if (fetched.ok) std::memcpy(fetched.words.data(), access->data(), fetch.size);
    trace(fetch, "", fetched);
    co_return fetched;
}

Task<Fetched> TimedEnvironment::update(const Fetch fetch, u64 expected, u64 desired) {
    if (!updates_) {
        Fetched pretended;
        pretended.ok = true;
        pretended.words[0] = expected;
        co_return pretended;
    }
    if (!slot_) slot_ = co_await tcu_.walk_slots_.take();  // everything before came from caches
    ++tcu_.walk_accesses_;
    ++tcu_.updates_;
    tcu_.events.report(spec::MonitorEvent::TransTableWalkAccess, job_.request.stream_id);
    sim::Simulation& simulation = tcu_.simulation_;
    co_await simulation.until(tcu_.clock_.after(simulation.now(), tcu_.config_.walk_latency));

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

Task<Checked<spec::Ste>> TimedEnvironment::cached_ste(u32 stream) {
    sim::Simulation& simulation = tcu_.simulation_;
    co_await simulation.until(tcu_.clock_.after(simulation.now(), tcu_.config_.config_latency));
    if (const spec::Ste* known = tcu_.stes_.find({stream, 0})) co_return *known;
    co_return unknown<spec::Ste>();
}

Task<Checked<spec::Cd>> TimedEnvironment::cached_cd(u32 stream, u32 index) {
    // Found in the same look-up as the entry.
    if (const spec::Cd* known = tcu_.cds_.find({stream, index})) co_return *known;
    co_return unknown<spec::Cd>();
}

Task<TablePoint> TimedEnvironment::cached_table(const Tags tags, bool stage1, u64 address) {
    WalkCache& cache = stage1 ? tcu_.stage1_tables_ : tcu_.stage2_tables_;
    if (!cache.present()) co_return TablePoint{};
    sim::Simulation& simulation = tcu_.simulation_;
    co_await simulation.until(tcu_.clock_.after(simulation.now(), tcu_.config_.walk_cache_latency));
    co_return cache.find(tags, address);
}

Task<Checked<Stage2Leaf>> TimedEnvironment::cached_stage2(const Tags tags, u64 ipa) {
    if (!tcu_.ipas_.present()) co_return unknown<Stage2Leaf>();
    sim::Simulation& simulation = tcu_.simulation_;
    co_await simulation.until(tcu_.clock_.after(simulation.now(), tcu_.config_.ipa_cache_latency));
    const Stage2Leaf* const known = tcu_.ipas_.find(tags, ipa);
    if (known == nullptr) co_return unknown<Stage2Leaf>();
    Stage2Leaf leaf = *known;
    leaf.output |= ipa & sim::low_mask(leaf.span);
    co_return leaf;
}

// What an invalidation covered while it was fetched is not kept.

void TimedEnvironment::keep_ste(u32 stream, const spec::Ste& ste) {
    if (!job_.stale) tcu_.stes_.insert({stream, 0}, ste);
}

void TimedEnvironment::keep_cd(u32 stream, u32 index, const spec::Cd& cd) {
    if (!job_.stale) tcu_.cds_.insert({stream, index}, cd);
}

void TimedEnvironment::keep_table(const Tags& tags, bool stage1, u64 address, unsigned span, const TablePoint& point) {
    if (!job_.stale) (stage1 ? tcu_.stage1_tables_ : tcu_.stage2_tables_).insert(tags, address, span, point);
}

void TimedEnvironment::keep_stage2(const Tags& tags, u64 ipa, const Stage2Leaf& leaf) {
    if (!job_.stale) tcu_.ipas_.insert(tags, ipa, leaf);
}

void TimedEnvironment::forget_stage2(const Tags& tags, u64 ipa) { tcu_.ipas_.forget(tags, ipa); }

void TimedEnvironment::tagged(const Tags& tags) {
    job_.tags = tags;
    job_.tagged = true;
    reads_ = 0;  // stage 2 reads for the context descriptor are not part of the walk
}

void Tcu::invalidate(const arch::TranslationScope& scope) {
    for (WalkJob* job : background_) job->stale = true;
    stage1_tables_.invalidate(scope);
    stage2_tables_.invalidate(scope);
    ipas_.invalidate(scope);
}

void Tcu::invalidate(const arch::ConfigurationScope& scope) {
    for (WalkJob* job : background_) job->stale = true;
    if (scope.stream_entries)
        stes_.erase_if([&](const StructureKey& key, const spec::Ste&) { return scope.covers_stream(key.stream); });
    cds_.erase_if(
        [&](const StructureKey& key, const spec::Cd&) { return scope.covers_descriptor(key.stream, key.index); });
}

void Tcu::reset() {
    misses_.clear();
    stes_.clear();
    cds_.clear();
    stage1_tables_.clear();
    stage2_tables_.clear();
    ipas_.clear();
}

void Tcu::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("trans_table_walk_access", walk_accesses_, "1", "descriptor fetches and updates");
    visit.counter("config_struct_access", structure_reads_, "1", "fetches of STE, L1STD, CD and L1CD");
    visit.counter("config_cache_miss", config_misses_, "1", "translations that needed a configuration fetch");
    visit.counter("tcu.transaction", requests_, "1",
                  "translations that TBUs, commands and registers asked the TCU for");
    visit.counter("tcu.tlb_miss", misses_of_requests_, "1",
                  "those that read a descriptor, or joined a walk that did");
    visit.counter("walk.s1_reads", stage1_reads_, "1", "stage 1 descriptor fetches");
    visit.counter("walk.s2_reads", stage2_reads_, "1",
                  "stage 2 descriptor fetches, those for context descriptors included");
    visit.counter("walk.updates", updates_, "1", "hardware updates of descriptors");
    visit.counter("walk.count", walks_, "1", "walks that ended without a fault");
    visit.counter("walk.joined", joined_, "1", "misses that joined a walk under way");
    visit.latency("walk.latency_ns", walk_latency_,
                  "first descriptor read to the end of the walk, walks without a fault");
    visit.distribution("walk.reads", walk_reads_, "1", "descriptor reads of a walk without a fault");
    visit.gauge("walk.slots_peak", walk_slots_.peak(), "1", "most walk slots in use at one time");
}

}  // namespace smmusim::smmu::uarch
