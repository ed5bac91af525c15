// The functional environment: reads memory at once, uses and changes no cache, and can write down every step.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "smmu/arch/translate.hpp"

namespace smmusim::smmu::arch {

/// One read of a translation, for explanations.
struct Step {
    Fetch fetch;
    std::array<u64, 8> words{};
    bool ok = true;
    const char* reason = nullptr;  ///< set if this read decided
    // What a descriptor led to.
    u64 input = 0;                      ///< of stage 2: the IPA under translation
    TablePoint table;                   ///< valid if it named the table to read next
    std::optional<Translation> stage1;  ///< if it is a leaf of stage 1 that permits the access
    std::optional<Stage2Leaf> stage2;   ///< the same of stage 2
    std::optional<u64> updated;         ///< as hardware leaves it in memory
};

/// A rule that the access passed.
struct Note {
    std::size_t after = 0;  ///< so many steps
    const char* text = "";
    const char* section = "";  ///< of the manual
};

/// `Memory` is called as `bool(const Fetch&, void* data)`.
template <class Memory>
class FunctionalEnvironment {
public:
    /// Performs a compare-and-swap of a descriptor; returns what was there before.
    using Update = std::function<FetchedDescriptor(const Fetch& fetch, u64 expected, u64 desired)>;

    /// Without `update` memory stays as it is, and the answer is that of after the update.
    FunctionalEnvironment(const spec::Identification& id, const Control& control, Memory memory)
        : id_(id), control_(control), memory_(std::move(memory)) {}
    void set_update(Update update) { update_ = std::move(update); }

    const spec::Identification& identification() const { return id_; }
    const Control& control() const { return control_; }

    sim::Ready<Fetched> read(const Fetch& fetch) {
        Fetched fetched;
        fetched.ok = memory_(fetch, fetched.words.data());
        Step step;
        step.fetch = fetch;
        step.words = fetched.words;
        step.ok = fetched.ok;
        step.reason = fetched.ok ? nullptr : "the read was aborted";
        if (fetch.kind == Fetch::Kind::Stage2) step.input = ipa_;
        steps_.push_back(step);
        return sim::Ready<Fetched>(fetched);
    }
    std::suspend_never descend(Descent& walk, FetchedDescriptor& last) {
        do {
            const Fetched fetched = read(walk.fetch).await_resume();
            last = {fetched.ok, fetched.words[0]};
        } while (walk.follow(*this, last));
        return {};
    }
    sim::Ready<FetchedDescriptor> update(const Fetch& fetch, u64 expected, u64 desired) {
        const auto read = std::find_if(steps_.rbegin(), steps_.rend(),
                                       [&](const Step& step) { return step.fetch.address == fetch.address; });
        if (read != steps_.rend()) read->updated = desired;
        if (update_) return sim::Ready<FetchedDescriptor>(update_(fetch, expected, desired));
        return sim::Ready<FetchedDescriptor>({true, expected});
    }
    sim::Ready<ContextPtr> cached_context(u32, u32) { return sim::Ready<ContextPtr>(nullptr); }
    void keep_context(u32, u32, const ContextPtr&) {}
    sim::Ready<std::optional<spec::Ste>> cached_ste(u32) { return unknown<spec::Ste>(); }
    sim::Ready<std::optional<spec::Cd>> cached_cd(u32, u32) { return unknown<spec::Cd>(); }
    std::suspend_never cached_table(Descent&) { return {}; }
    sim::Ready<bool> cached_stage2(const Tags&, u64 ipa, Stage2Leaf&) {
        ipa_ = ipa;
        return sim::Ready<bool>(false);
    }
    void keep_ste(u32, const spec::Ste&) {}
    void keep_cd(u32, u32, const spec::Cd&) {}
    void keep_table(const Tags&, bool, u64, unsigned, const TablePoint& point) { steps_.back().table = point; }
    void place_table(const Tags&, u64, unsigned, const TablePoint&) {}
    sim::Ready<bool> cached_translation(const Tags&, u64, Translation&) { return sim::Ready<bool>(false); }
    void keep_translation(const Tags&, u64, const Translation&) {}
    void keep_stage2(const Tags&, u64, const Stage2Leaf& leaf) {
        if (!steps_.empty() && steps_.back().fetch.kind == Fetch::Kind::Stage2) steps_.back().stage2 = leaf;
    }
    void forget_stage2(const Tags&, u64) {}
    void tagged(const Tags&) {}
    void decided(const char* reason) {
        if (!steps_.empty()) steps_.back().reason = reason;
    }
    void noted(const char* text, const char* section) { notes_.push_back({steps_.size(), text, section}); }
    void found_stage1(const Translation& translation) { steps_.back().stage1 = translation; }

    const std::vector<Step>& steps() const { return steps_; }
    const std::vector<Note>& notes() const { return notes_; }

private:
    template <class T>
    static sim::Ready<std::optional<T>> unknown() {
        return sim::Ready<std::optional<T>>(std::nullopt);
    }

    const spec::Identification& id_;
    const Control& control_;
    Memory memory_;
    Update update_;
    std::vector<Step> steps_;
    std::vector<Note> notes_;
    u64 ipa_ = 0;  ///< under translation by stage 2
};

}  // namespace smmusim::smmu::arch
