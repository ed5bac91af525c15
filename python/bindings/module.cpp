// The module smmusim._core: the platform library as the package in python/smmusim uses it.
#include <fmt/format.h>

#include "bindings/machine.hpp"
#include "scenarios/engine/runner.hpp"

namespace smmusim::python {

namespace {

/// Exception types are made in Python (smmusim/errors.py); here their instances are filled.
void raise(const char* type, const std::string& text, const py::dict& members) {
    const py::object error = py::module_::import("smmusim.errors").attr(type)(text);
    for (const auto& [name, value] : members) py::setattr(error, name, value);
    PyErr_SetObject(py::type::handle_of(error).ptr(), error.ptr());
}

void set_config_error(const std::string& text, const platform::config::Position& where) {
    py::dict members;
    members["file"] = where.file;
    members["line"] = where.line != 0 ? py::object(py::int_(where.line)) : py::object(py::none());
    members["column"] = where.line != 0 ? py::object(py::int_(where.column)) : py::object(py::none());
    raise("ConfigError", text, members);
}

void translate_errors(std::exception_ptr pointer) {
    try {
        std::rethrow_exception(pointer);
    } catch (const platform::config::ConfigError& error) {
        set_config_error(error.what(), error.where());
    } catch (const platform::BusError& error) {
        py::dict members;
        members["address"] = error.address();
        members["size"] = error.size();
        members["write"] = error.write();
        raise("BusError", error.what(), members);
    } catch (const platform::Blocked& error) {
        py::dict members;
        members["handle"] = py::none();
        raise("Blocked", error.what(), members);
    }
}

py::dict run_scenario(const std::string& file, const Machine::Settings& settings, const std::string& out) {
    scenarios::RunOptions options;
    options.out = out;
    for (const auto& [path, value] : settings) options.overrides.settings.push_back(fmt::format("{}={}", path, value));
    std::exception_ptr interruption;  // Ctrl-C
    options.poll = [&] {
        if (PyErr_CheckSignals() == 0) return;
        interruption = std::make_exception_ptr(py::error_already_set());
        std::rethrow_exception(interruption);
    };
    const scenarios::Outcome outcome = scenarios::run_scenario(file, options);
    if (interruption) std::rethrow_exception(interruption);
    if (outcome.ending == scenarios::Ending::BadInput) {
        set_config_error(outcome.error, outcome.place);
        throw py::error_already_set();
    }
    const py::object loads = py::module_::import("json").attr("loads");
    return loads(outcome.json().dump());
}

}  // namespace

}  // namespace smmusim::python

PYBIND11_MODULE(_core, module) {
    using namespace smmusim::python;
    module.doc() = "The simulator's library; use the package smmusim.";
    py::register_exception_translator(&translate_errors);
    bind_machine(module);
    bind_devices(module);
    bind_traffic(module);
    bind_software(module);
    module.def("run_scenario", &run_scenario);
}
