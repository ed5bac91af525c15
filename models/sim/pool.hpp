// Objects that are used again and again: they never move, and the one given back last is taken next.
#pragma once

#include <cassert>
#include <deque>
#include <vector>

namespace smmusim::sim {

template <class T>
class Pool {
public:
    Pool() = default;
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// One as it was given back, or a new one.
    T& take() {
        if (free_count_ == 0) [[unlikely]]
            grow();
        return *free_[--free_count_];
    }
    void give_back(T& object) {
        assert(free_count_ != all_.size());
        free_[free_count_++] = &object;
    }
    /// All of them are free again.
    void give_back_all() {
        free_count_ = 0;
        for (T& object : all_) free_[free_count_++] = &object;
    }
    std::size_t in_use() const { return all_.size() - free_count_; }
    /// Those in use, and those that have been.
    std::deque<T>& all() { return all_; }

private:
    [[gnu::noinline, gnu::cold]] void grow() {
        all_.emplace_back();
        free_.resize(all_.size());
        free_[free_count_++] = &all_.back();
    }

    std::deque<T> all_;
    std::vector<T*> free_;  ///< room for all of them: giving back allocates nothing
    std::size_t free_count_ = 0;
};

}  // namespace smmusim::sim
