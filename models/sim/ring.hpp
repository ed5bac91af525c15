// A queue in one ring that grows: nothing is allocated once it has had its greatest length.
#pragma once

#include <algorithm>
#include <boost/circular_buffer.hpp>
#include <utility>

namespace smmusim::sim {

template <class T>
using Ring = boost::circular_buffer<T>;

template <class T>
[[gnu::noinline, gnu::cold]] void grow(Ring<T>& ring) {
    ring.set_capacity(std::max<std::size_t>(8, 2 * ring.capacity()));
}

/// Room for one more.
template <class T>
void make_room(Ring<T>& ring) {
    if (ring.full()) [[unlikely]]
        grow(ring);
}

template <class T>
void append(Ring<T>& ring, T value) {
    make_room(ring);
    ring.push_back(std::move(value));
}

}  // namespace smmusim::sim
