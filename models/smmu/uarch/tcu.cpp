#include "smmu/uarch/tcu.hpp"

#include "smmu/uarch/tbu.hpp"
#include "smmu/uarch/timed_environment.hpp"

namespace smmusim::smmu::uarch {

using arch::Checked;
using arch::TranslationResult;
using sim::Task;

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
      stes_(config.ste_cache.like(config.config_cache)),
      cds_(config.cd_cache.like(config.config_cache)),
      stage1_(config.walk_caches(true), config.walk_cache_leaves),
      stage2_(config.walk_caches(false), config.walk_cache_leaves),
      ipas_(config.ipa_cache),
      contexts_({.entries = 64, .ways = 4}),
      config_cycles_(stes_.capacity() + cds_.capacity() != 0 ? config.config_latency : 0),
      under_way_(simulation, name_ + ": translations under way"),
      job_name_(name_ + ": a translation of the same page"),
      read_name_(name_ + ": a table read"),
      scope_(simulation, name_) {}

WalkJob& Tcu::begin_job(Pending& pending, Time arrived) {
    pending.job = new WalkJob(simulation_, job_name_);
    pending.job->stream = pending.request.stream_id;
    pending.job->arrived = arrived;
    return *pending.job;
}

void Tcu::translate(Pending& pending) {
    const arch::Request& request = pending.request;
    received(request.stream_id);
    if (request.address_type == sim::AddressType::TranslationRequest)
        events.report(spec::MonitorEvent::PcieAtsTransRq, request.stream_id);
    // ATS and unsupported transactions share no walk, nor do writes that are never performed.
    if (request.ordinary() && !request.guessed_write()) {
        share(pending, simulation_.now(), true);
    } else {
        begin_job(pending, simulation_.now());
        scope_.spawn("translation", walk(pending));
    }
}

void Tcu::share(Pending& pending, Time arrived, bool may_join) {
    const MissKey key{pending.request.stream_id, pending.request.substream_id, pending.address >> 12};
    Misses::insert_commit_data place;
    const auto [known, fresh] = misses_.insert_check(key, MissHash{}, std::equal_to<MissKey>{}, place);
    if (!fresh && !known->stale && may_join) {
        known->joined = true;
        ++joined_;
        pending.job = &*known;
        pending.hit = Hit::Joined;
        scope_.spawn("translation", join(pending));
        return;
    }
    WalkJob& job = begin_job(pending, arrived);
    job.key = key;
    job.shared = true;
    if (fresh) {
        misses_.insert_commit(job, place);
    } else {
        misses_.erase(known);  // nobody joins an earlier one any more
        misses_.insert(job);
    }
    pending.stale = false;  // what a joined walk may have missed, this one sees
    pending.hit = Hit::Miss;
    // Without translation there is nothing to look up, and without caches nowhere. If it is switched off meanwhile,
    // GBPA decides.
    const Time now = simulation_.now();
    const Time then = registers_.control().enabled ? clock_.after(now, config_cycles_) : now;
    if (then == now) configuration_searched(this, &pending);
    else pending.token = simulation_.scheduler().at(then, &Tcu::configuration_searched, this, &pending);
}

void Tcu::configuration_searched(void* object, void* argument) {
    Tcu& tcu = *static_cast<Tcu*>(object);
    Pending& pending = *static_cast<Pending*>(argument);
    pending.job->searched_configuration = true;
    tcu.scope_.spawn("translation", tcu.walk(pending));
}

sim::Activity Tcu::join(Pending& pending) {
    const Time arrived = simulation_.now();
    const WalkJobPtr job = pending.job;
    while (!job->finished) co_await job->done.wait();
    pending.spend(Stage::Joined, simulation_.now());
    if (serves(*job, pending)) {
        latency_.add(simulation_.now() - arrived);
        pending.tbu->answered(pending, job->result->context);
    } else {
        share(pending, arrived, false);
    }
}

sim::Activity Tcu::walk(Pending& pending) {
    const WalkJobPtr job = pending.job;
    arch::ContextPtr context;
    {
        const sim::Underway::Mark counted(under_way_);
        TimedEnvironment environment(*this, *job);
        co_await arch::translate(environment, pending.request, pending.outcome, context);
        count_walk(environment, pending.outcome);
    }
    account(pending, *job);
    if (job->shared) finish(*job, pending, context);
    latency_.add(simulation_.now() - job->arrived);
    pending.tbu->answered(pending, std::move(context));
}

/// Whoever has joined goes on.
void Tcu::finish(WalkJob& job, const Pending& pending, const arch::ContextPtr& context) {
    job.finished = true;
    job.unlink();
    if (job.joined) [[unlikely]]
        job.result.reset(new arch::TranslationResult{pending.outcome, context});
    job.done.notify_all();
    if (config_.prefetch != PrefetchPolicy::None) prefetch_behind(pending.request, pending.outcome);
}

void Tcu::account(Pending& pending, const WalkJob& job) {
    // Waiting for the slot lies within: the rest of the time is the walk.
    const Time now = simulation_.now();
    pending.spend(Stage::WalkSlot, pending.accounted + job.slot_wait);
    pending.spend(Stage::Walk, now);
}

/// What the walk found serves everybody whom it permits; a fault is found, and recorded, by each on its own.
bool Tcu::serves(const WalkJob& job, Pending& pending) {
    const arch::Outcome& found = job.result->outcome;
    if (found.disposition != arch::Disposition::Proceed || !found.translated) return false;
    const arch::StreamContext& context = *job.result->context;
    const arch::Request& request = pending.request;
    const arch::Request effective = arch::override_request(request, context.ste, identification_);
    arch::Translation translation = found.translation;
    const u64 within = sim::low_mask(12);
    translation.output = (translation.output & ~within) | (request.address & within);
    translation.ipa = (translation.ipa & ~within) | (request.address & within);
    if (!translation.permissions().allow(effective)) return false;
    if (job.missed) missed(request.stream_id);
    pending.outcome = arch::proceed(context, identification_, effective, translation);
    return true;
}

void Tcu::count_walk(const TimedEnvironment& environment, const arch::Outcome& outcome) {
    if (environment.reads() == 0 || outcome.fault) return;
    ++walks_;
    walk_latency_.add(simulation_.now() - environment.began());
    walk_reads_.add(environment.reads());
}

arch::ContextPtr Tcu::known_context(u32 stream, u32 substream) {
    const CheckedContext* const known = contexts_.find({stream, substream});
    if (known == nullptr || known->changes != configuration_changes_ || known->cr2 != registers_.control().cr2.raw())
        return nullptr;
    stes_.use(*known->ste);
    ste_look_ups_.count(true);
    if (known->cd != nullptr) {
        cds_.use(*known->cd);
        cd_look_ups_.count(true);
    }
    return known->context;
}

void Tcu::keep_context(u32 stream, u32 substream, const arch::ContextPtr& context) {
    const spec::Ste* const ste = stes_.peek({stream, 0});
    const spec::Cd* const cd = context->stage1 ? cds_.peek({stream, substream == sim::no_id ? 0 : substream}) : nullptr;
    if (ste == nullptr || (context->stage1 && cd == nullptr)) return;
    contexts_.insert({stream, substream}, {configuration_changes_, registers_.control().cr2.raw(), ste, cd, context});
}

/// A job that no transaction waits for.
class Tcu::Background {
public:
    Background(Tcu& tcu, u32 stream) : tcu_(tcu), job_(tcu.simulation_, tcu.job_name_) {
        job_.stream = stream;
        tcu_.background_.push_back(&job_);
        tcu_.received(stream);
    }
    ~Background() { std::erase(tcu_.background_, &job_); }
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    WalkJob& job() { return job_; }

private:
    Tcu& tcu_;
    const sim::Underway::Mark counted_{tcu_.under_way_};
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
        TranslationResult unused;
        if (prefetch.addresses) co_await arch::translate(environment, request, unused.outcome, unused.context);
        else co_await arch::lookup_context(environment, request);
    }
}

void Tcu::prefetch_behind(const arch::Request& request, const arch::Outcome& outcome) {
    if (walk_slots_.in_use() == walk_slots_.capacity()) return;
    if (outcome.disposition != arch::Disposition::Proceed || !outcome.translated) return;
    arch::Request next = request;
    const unsigned span = std::min<unsigned>(outcome.translation.span, 52);
    next.address = (request.address & ~sim::low_mask(span)) + (u64{1} << span);
    next.read = true;
    next.write = next.instruction = false;
    next.operation = sim::CacheOperation::None;
    next.speculative = true;
    scope_.spawn("prefetch", prefetch_page(next));
}

Task<> Tcu::prefetch_page(arch::Request request) {
    ++prefetches_;
    Background background(*this, request.stream_id);
    TimedEnvironment environment(*this, background.job());
    environment.forbid_updates();
    TranslationResult unused;
    co_await arch::translate(environment, request, unused.outcome, unused.context);
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
    return stes_.size() == 0 && cds_.size() == 0 && stage1_.empty() && stage2_.empty() && ipas_.empty() &&
           misses_.empty() && !under_way_.any();
}

void Tcu::received(u32 stream) {
    ++requests_;
    events.report(spec::MonitorEvent::Transaction, stream);
}

void Tcu::missed(u32 stream) {
    ++misses_of_requests_;
    events.report(spec::MonitorEvent::TlbMiss, stream);
}

void Tcu::invalidate(const arch::TranslationScope& scope) {
    for (WalkJob* job : background_) job->stale = true;
    stage1_.invalidate(scope);
    stage2_.invalidate(scope);
    ipas_.invalidate(scope);
}

void Tcu::invalidate(const arch::ConfigurationScope& scope) {
    ++configuration_changes_;
    for (WalkJob* job : background_) job->stale = true;
    if (scope.stream_entries)
        stes_.erase_if([&](const StructureKey& key, const spec::Ste&) { return scope.covers_stream(key.stream); });
    cds_.erase_if(
        [&](const StructureKey& key, const spec::Cd&) { return scope.covers_descriptor(key.stream, key.index); });
}

/// After the TBUs, which forget what is in the configuration caches.
void Tcu::reset() {
    ++configuration_changes_;
    scope_.cancel();
    misses_.clear();
    stes_.clear();
    cds_.clear();
    stage1_.clear();
    stage2_.clear();
    ipas_.clear();
}

void Tcu::LookUps::statistics(sim::StatisticsVisitor& visit, const char* cache) {
    visit.enter(cache);
    visit.counter("hits", hits, "1", "look-ups that found what they looked for");
    visit.counter("misses", misses, "1", "look-ups that did not");
    visit.leave();
}

void Tcu::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("trans_table_walk_access", walk_accesses_, "1", "descriptor fetches and updates");
    visit.counter("config_struct_access", structure_reads_, "1", "fetches of STE, L1STD, CD and L1CD");
    visit.counter("config_cache_miss", config_misses_, "1", "translations that needed a configuration fetch");
    visit.counter("tcu.transaction", requests_, "1",
                  "translations that TBUs, commands and registers asked the TCU for");
    visit.counter("tcu.tlb_miss", misses_of_requests_, "1", "those that read a descriptor, or joined a walk that did");
    visit.counter("walk.s1_reads", stage1_reads_, "1", "stage 1 descriptor fetches");
    visit.counter("walk.s2_reads", stage2_reads_, "1",
                  "stage 2 descriptor fetches, those for context descriptors included");
    visit.counter("walk.updates", updates_, "1", "hardware updates of descriptors");
    visit.counter("walk.count", walks_, "1", "walks that ended without a fault");
    visit.counter("walk.joined", joined_, "1", "misses that joined a walk under way");
    visit.counter("walk.prefetches", prefetches_, "1", "walks of a next page that nobody has asked for yet");
    visit.counter("walk.slots_busy", walk_slots_.busy(), "ps", "time in use, summed over the walk slots");
    visit.latency("walk.wait_ns", walk_wait_, "waiting for a walk slot, of translations that needed one");
    visit.latency("translation_latency_ns", latency_, "arrival of a miss at the TCU to its answer");
    visit.latency("walk.latency_ns", walk_latency_,
                  "first descriptor read to the end of the walk, walks without a fault");
    visit.distribution("walk.reads", walk_reads_, "1", "descriptor reads of a walk without a fault");
    visit.gauge("walk.slots_peak", walk_slots_.peak(), "1", "most walk slots in use at one time");
    ste_look_ups_.statistics(visit, "ste_cache");
    cd_look_ups_.statistics(visit, "cd_cache");
    ipa_look_ups_.statistics(visit, "ipa_cache");
    visit.enter("s1_walk_cache");
    stage1_.statistics(visit);
    visit.leave();
    visit.enter("s2_walk_cache");
    stage2_.statistics(visit);
    visit.leave();
}

}  // namespace smmusim::smmu::uarch
