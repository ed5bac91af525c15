// The functional environment: reads memory at once, uses and changes no cache, and can write down every step.
#pragma once

#include <functional>
#include <vector>

#include "smmu/arch/translate.hpp"

namespace smmusim::smmu::arch {

/// One read of a translation, for explanations.
struct Step {
    Fetch fetch;
    std::array<u64, 8> words{};
    bool ok = true;
    const char* reason = nullptr;  ///< set if this read decided
};

/// `Memory` is called as `bool(const Fetch&, void* data)`.
template <class Memory>
class FunctionalEnvironment {
public:
    /// Performs a compare-and-swap of a descriptor; returns what was there before.
    using Update = std::function<Fetched(const Fetch& fetch, u64 expected, u64 desired)>;

    /// Without `update` memory stays as it is, and the answer is that of after the update.
    FunctionalEnvironment(const spec::Identification& id, const Control& control, Memory memory)
        : id_(id), control_(control), memory_(std::move(memory)) {}
    void set_update(Update update) { update_ = std::move(update); }

    const spec::Identification& identification() const { return id_; }
    const Control& control() const { return control_; }

    sim::Ready<Fetched> read(const Fetch& fetch) {
        Fetched fetched;
        fetched.ok = memory_(fetch, fetched.words.data());
        steps_.push_back({fetch, fetched.words, fetched.ok, fetched.ok ? nullptr : "the read was aborted"});
        return sim::Ready<Fetched>(fetched);
    }
    sim::Ready<Fetched> update(const Fetch& fetch, u64 expected, u64 desired) {
        if (update_) return sim::Ready<Fetched>(update_(fetch, expected, desired));
        Fetched fetched;
        fetched.ok = true;
        fetched.words[0] = expected;
        return sim::Ready<Fetched>(fetched);
    }
    sim::Ready<Checked<spec::Ste>> cached_ste(u32) { return unknown<spec::Ste>(); }
    sim::Ready<Checked<spec::Cd>> cached_cd(u32, u32) { return unknown<spec::Cd>(); }
    sim::Ready<TablePoint> cached_table(const Tags&, bool, u64) { return sim::Ready<TablePoint>(TablePoint{}); }
    sim::Ready<Checked<Stage2Leaf>> cached_stage2(const Tags&, u64) { return unknown<Stage2Leaf>(); }
    void keep_ste(u32, const spec::Ste&) {}
    void keep_cd(u32, u32, const spec::Cd&) {}
    void keep_table(const Tags&, bool, u64, unsigned, const TablePoint&) {}
    void keep_stage2(const Tags&, u64, const Stage2Leaf&) {}
    void forget_stage2(const Tags&, u64) {}
    void tagged(const Tags&) {}
    void decided(const char* reason) {
        if (!steps_.empty()) steps_.back().reason = reason;
    }

    const std::vector<Step>& steps() const { return steps_; }

private:
    template <class T>
    static sim::Ready<Checked<T>> unknown() {
        Checked<T> nothing;
        nothing.fault.kind = Fault::Kind::Silent;
        return sim::Ready<Checked<T>>(nothing);
    }

    const spec::Identification& id_;
    const Control& control_;
    Memory memory_;
    Update update_;
    std::vector<Step> steps_;
};

}  // namespace smmusim::smmu::arch
