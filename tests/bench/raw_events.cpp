#include "bench/raw_events.hpp"

#include <fmt/format.h>

// The library wants one.
int sc_main(int, char**) { return 0; }

namespace smmusim::bench {

namespace {
constexpr unsigned pending_events = 64;
/// Periods of 10.00, 10.37, 10.74 ... ns: no two events stay together.
sc_core::sc_time period_of(unsigned index) { return sc_core::sc_time::from_value(10'000 + 370 * index); }
}  // namespace

struct RawEvents::Ticker final : sc_core::sc_module {
    SC_HAS_PROCESS(Ticker);
    Ticker(const sc_core::sc_module_name& name, sc_core::sc_time period, u64& executed)
        : sc_core::sc_module(name), period_(period), executed_(executed) {
        SC_METHOD(tick);
        sensitive << event_;
        dont_initialize();
    }
    void start_of_simulation() override { event_.notify(period_); }
    void tick() {
        ++executed_;
        event_.notify(period_);
    }
    sc_core::sc_event event_;
    sc_core::sc_time period_;
    u64& executed_;
};

RawEvents::RawEvents() {
    const platform::SimContext::Use use(context_);
    for (unsigned index = 0; index < pending_events; ++index)
        tickers_.push_back(
            std::make_unique<Ticker>(fmt::format("ticker{}", index).c_str(), period_of(index), executed_));
    sc_core::sc_start(sc_core::sc_time::from_value(1));  // elaboration
}

RawEvents::~RawEvents() {
    const platform::SimContext::Use use(context_);
    tickers_.clear();
}

u64 RawEvents::run(u64 count) {
    const platform::SimContext::Use use(context_);
    double per_picosecond = 0;
    for (unsigned index = 0; index < pending_events; ++index)
        per_picosecond += 1.0 / static_cast<double>(period_of(index).value());
    const u64 before = executed_;
    sc_core::sc_start(sc_core::sc_time::from_value(static_cast<u64>(static_cast<double>(count) / per_picosecond)));
    return executed_ - before;
}

}  // namespace smmusim::bench
