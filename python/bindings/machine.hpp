// A platform as Python holds it: what the wrappers in python/smmusim are made of.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <set>

#include "platform/machine_description.hpp"
#include "platform/platform.hpp"
#include "sw/host.hpp"

namespace smmusim::python {

namespace py = pybind11;

/// One DMA operation as Python sees it.
struct Operation {
    sim::DmaHandle dma;
};

/// The machine and, after boot(), its software. Every call that needs it after close() raises.
class Machine {
public:
    using Settings = std::vector<std::pair<std::string, std::string>>;

    /// `preset`: a YAML file, or empty for the defaults; `settings`: dotted paths and values as after --set.
    Machine(const std::string& preset, const Settings& settings);
    ~Machine();

    platform::Platform& platform() const;
    void close();
    bool closed() const { return platform_ == nullptr; }

    void run(std::optional<Time> duration);
    void wait(const Operation& operation);

    py::dict parameters();
    py::dict statistics();
    void reset_statistics();
    std::string digest();

    void boot(const Settings& settings);
    sw::Host& host() const;
    /// Runs a software call to its end and returns 0 or a negative errno.
    int call(const char* activity, sim::Task<int> task);

private:
    std::unique_ptr<platform::Platform> platform_;
    std::unique_ptr<sw::Host> host_;
    std::unique_ptr<sim::Scope> calls_;

    struct SoftwareStatistics;
    std::unique_ptr<SoftwareStatistics> software_statistics_;
};

void bind_machine(py::module_& module);
void bind_devices(py::module_& module);
void bind_software(py::module_& module);

}  // namespace smmusim::python
