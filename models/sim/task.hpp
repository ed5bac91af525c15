// Coroutines in which hardware and drivers are written; co_await marks the only places where time passes.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "sim/frame_pool.hpp"

namespace smmusim::sim {

/// What every coroutine of the simulator has: a pooled frame, a continuation, a place for an exception.
struct PromiseBase : Pooled {
    std::coroutine_handle<> continuation = std::noop_coroutine();
    std::exception_ptr failure;

    struct Final {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) noexcept {
            return finished.promise().continuation;
        }
        void await_resume() noexcept {}
    };

    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { failure = std::current_exception(); }
};

template <class T>
class Task;

namespace detail {

template <class T>
struct Promise : PromiseBase {
    std::optional<T> value;
    Task<T> get_return_object();
    template <class U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
    Task<void> get_return_object();
    void return_void() {}
    void take() {}
};

}  // namespace detail

/// A lazily started activity with a result. The child is started before its parent suspends: when it finishes at
/// once the parent never suspends and the stack does not grow, however often that happens.
template <class T = void>
class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            if (handle_) handle_.destroy();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~Task() {
        if (handle_) handle_.destroy();
    }

    class Awaiter {
    public:
        explicit Awaiter(Handle handle) : handle_(handle) {}
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        bool await_ready() {
            handle_.resume();
            return handle_.done();
        }
        void await_suspend(std::coroutine_handle<> parent) noexcept { handle_.promise().continuation = parent; }
        T await_resume() {
            if (handle_.promise().failure) std::rethrow_exception(handle_.promise().failure);
            return handle_.promise().take();
        }

    private:
        Handle handle_;
    };

    Awaiter operator co_await() const noexcept { return Awaiter(handle_); }

    Handle release() { return std::exchange(handle_, nullptr); }
    explicit operator bool() const { return static_cast<bool>(handle_); }

private:
    Handle handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
    return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() {
    return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

/// An answer that is there already: what a functional environment gives where a timed one gives a Task.
template <class T>
class [[nodiscard]] Ready {
public:
    explicit Ready(T value) : value_(std::move(value)) {}
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    T await_resume() { return std::move(value_); }

private:
    T value_;
};

/// An answer that is there already, or a task that will find it: spares the frame of the coroutine where nothing waits.
template <class T>
class [[nodiscard]] Answer {
public:
    Answer(T value) : value_(std::move(value)), task_(nullptr) {}
    Answer(Task<T> task) : value_{}, task_(std::move(task)) {}
    bool await_ready() { return !task_ || task_.operator co_await().await_ready(); }
    void await_suspend(std::coroutine_handle<> parent) noexcept { task_.operator co_await().await_suspend(parent); }
    T await_resume() {
        if (!task_) return std::move(value_);
        return task_.operator co_await().await_resume();
    }

private:
    T value_;
    Task<T> task_;
};

template <>
class [[nodiscard]] Answer<void> {
public:
    Answer() : task_(nullptr) {}
    Answer(Task<> task) : task_(std::move(task)) {}
    bool await_ready() { return !task_ || task_.operator co_await().await_ready(); }
    void await_suspend(std::coroutine_handle<> parent) noexcept { task_.operator co_await().await_suspend(parent); }
    void await_resume() {
        if (task_) task_.operator co_await().await_resume();
    }

private:
    Task<> task_;
};

/// Runs a task that never waits, to its result: the functional use of a timed coroutine.
template <class T>
T run_ready(Task<T> task) {
    auto awaiter = task.operator co_await();
    if (!awaiter.await_ready()) std::terminate();  // a functional environment answers at once
    return awaiter.await_resume();
}

}  // namespace smmusim::sim
