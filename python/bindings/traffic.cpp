// Many operations of one requester.
#include "bindings/machine.hpp"

namespace smmusim::python {

namespace {

using platform::Traffic;
using platform::TrafficPlan;

TrafficPlan plan_of(bool write, bool random, u64 base, u64 window, u64 size, u64 stride, u64 count, u64 warmup,
                    u64 outstanding, u64 seed, std::optional<u32> pasid) {
    TrafficPlan plan;
    plan.command = write ? sim::Command::Write : sim::Command::Read;
    plan.order = random ? TrafficPlan::Order::Random : TrafficPlan::Order::Sequential;
    plan.base = base;
    plan.window = window;
    plan.size = size;
    plan.stride = stride;
    plan.count = count;
    plan.warmup = warmup;
    plan.outstanding = outstanding;
    plan.seed = seed;
    plan.attributes.substream_id = pasid.value_or(sim::no_id);
    return plan;
}

py::dict latency_of(const Traffic& traffic) {
    const sim::Histogram& latency = traffic.latency();
    py::dict result;
    result["mean"] = latency.mean();
    result["min"] = latency.minimum();
    result["p50"] = latency.percentile(50, 100);
    result["p99"] = latency.percentile(99, 100);
    result["p999"] = latency.percentile(999, 1000);
    result["max"] = latency.maximum();
    return result;
}

}  // namespace

void bind_traffic(py::module_& module) {
    py::class_<TrafficPlan>(module, "TrafficPlan").def(py::init(&plan_of));
    py::class_<Traffic, std::shared_ptr<Traffic>>(module, "Traffic")
        .def_property_readonly("done", &Traffic::done)
        .def_property_readonly("completed", &Traffic::completed)
        .def_property_readonly("faults", &Traffic::faults)
        .def_property_readonly("bytes", &Traffic::bytes)
        .def_property_readonly("elapsed", &Traffic::elapsed)
        .def_property_readonly("latency", &latency_of);
    py::class_<Machine> machine = py::reinterpret_borrow<py::class_<Machine>>(module.attr("Machine"));
    machine
        .def("start_stream_traffic",
             [](const Machine& self, const platform::StreamIdentity& identity, const TrafficPlan& plan) {
                 return self.platform().start_traffic(identity, plan);
             })
        .def("start_endpoint_traffic",
             [](const Machine& self, std::size_t index, const TrafficPlan& plan) {
                 return self.platform().start_traffic(index, plan);
             })
        .def("wait_traffic", [](const Machine& self, Traffic& traffic) { self.platform().wait(traffic); });
}

}  // namespace smmusim::python
