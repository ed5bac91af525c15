// A value, or the errno that stands in its place; the numbers are those of Linux.
#pragma once

#include <cassert>
#include <cerrno>
#include <optional>
#include <utility>

namespace smmusim::sw {

/// A failure on its way into a Result; `code` is negative, as drivers return it.
struct Error {
    int code;
    constexpr explicit Error(int negative_errno) : code(negative_errno) {}
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(Error error) : error_(error.code) { assert(error.code < 0); }

    explicit operator bool() const { return value_.has_value(); }
    /// 0, or the negative errno.
    int error() const { return error_; }
    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return &*value_; }
    const T* operator->() const { return &*value_; }

private:
    std::optional<T> value_;
    int error_ = 0;
};

}  // namespace smmusim::sw
