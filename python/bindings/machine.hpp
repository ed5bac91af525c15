// A platform as Python holds it: what the wrappers in python/smmusim are made of.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>

#include "platform/machine_description.hpp"
#include "platform/platform.hpp"
#include "sw/host.hpp"

namespace smmusim::python {

namespace py = pybind11;

/// One DMA operation as Python sees it.
struct Operation {
    sim::DmaHandle dma;
};

class Machine;

/// An object of the software as Python names it. It goes when it is freed, and with the software at a reset.
template <class Object>
struct Reference {
    Object* object;
    const Machine* machine;
    std::weak_ptr<const void> life;
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

    /// The software does not survive it; its statistics stay until the next boot().
    void reset(bool clear_memory);
    void run(std::optional<Time> duration);
    void wait(const Operation& operation);

    py::dict parameters();
    py::dict statistics();
    void reset_statistics();
    std::string digest();

    /// 0 or a negative errno; see host().failure().
    int boot(const Settings& settings);
    sw::Host& host() const;
    /// Runs a software call to its end and returns 0 or a negative errno.
    int call(const char* activity, sim::Task<int> task);

    Reference<sw::Host> refer(sw::Host& host) const { return {&host, this, booted_}; }
    Reference<sw::HostDevice> refer(sw::HostDevice& device) const { return {&device, this, booted_}; }
    Reference<sw::iommu::Domain> refer(sw::iommu::Domain& domain);
    /// The domain has been freed.
    void forget(const sw::iommu::Domain& domain) { domains_.erase(&domain); }
    /// What Python names; throws std::invalid_argument if it is gone, or another machine's.
    template <class Object>
    Object& object(const Reference<Object>& reference) const {
        host();
        if (reference.life.expired())
            throw std::invalid_argument("this object of the software is gone: it was freed, or a reset ended it");
        if (reference.machine != this) throw std::invalid_argument("this object belongs to another platform");
        return *reference.object;
    }

private:
    struct Software;
    void destroy();

    std::unique_ptr<platform::Platform> platform_;
    std::unique_ptr<Software> software_;
    std::shared_ptr<const void> booted_;  ///< null: no software, or a reset has ended it
    bool boot_failed_ = false;  ///< it may be tried again, with other settings
    std::map<const sw::iommu::Domain*, std::shared_ptr<const void>> domains_;  ///< those that Python knows
};

void bind_machine(py::module_& module);
void bind_devices(py::module_& module);
void bind_traffic(py::module_& module);
void bind_software(py::module_& module);

}  // namespace smmusim::python
