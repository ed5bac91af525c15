"""The lint finds what it is there for, and lets pass what is right."""
import pathlib

import lint
import pytest


def found(rule, path, text):
    return [message for _, message in lint.RULES[rule](pathlib.PurePosixPath(path), text)]


BAD = [
    ("systemc", "models/smmu/uarch/tlb.hpp", "#include <systemc>\n"),
    ("systemc", "sw/cpu/cpu.cpp", "#include <tlm_utils/simple_target_socket.h>\n"),
    ("systemc", "models/sim/task.hpp", '#include "smmu/tlm/socket.hpp"\n'),
    ("devices", "models/smmu/arch/walk.cpp", '#include "gic/spec/its.hpp"\n'),
    ("devices", "models/pcie/uarch/link.cpp", '#include "platform/platform.hpp"\n'),
    ("devices", "models/sim/access.hpp", '#include "memory/ram.hpp"\n'),
    ("software", "sw/its/driver.cpp", '#include "gic/spec/its.hpp"\n'),
    ("layers", "models/smmu/arch/walk.cpp", '#include "smmu/uarch/tlb.hpp"\n'),
    ("layers", "models/gic/spec/its.hpp", '#include "gic/arch/its.hpp"\n'),
    ("length", "sw/cpu/cpu.cpp", "\n" * 401),
    ("headers", "sw/cpu/cpu.hpp", "#pragma once\n"),
    ("headers", "sw/cpu/cpu.hpp", "// What software sees.\n"),
    ("determinism", "models/smmu/uarch/tlb.cpp", "int x = rand();\n"),
    ("determinism", "sw/cpu/cpu.cpp", "std::chrono::steady_clock::now();\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { switch (co_await g()) { case 1: break; } }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { if (!co_await g()) { h(); } }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { auto x = a ? co_await g() : 0; }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { if (ready && co_await g()) { h(); } }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { bool b = (co_await g()).v || c; }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { Pair p{1, co_await g()}; }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { co_await g({1, N{}}); }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { co_return co_await g(Aggregate{.a = 1}); }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { while (!done && co_await g()) h(); }\n"),
]

GOOD = [
    ("systemc", "models/memory/tlm/ram.hpp", "#include <systemc>\n"),
    ("systemc", "platform/kernel_bridge.cpp", "#include <systemc>\n"),
    ("devices", "models/smmu/arch/walk.cpp", '#include "sim/task.hpp"\n#include "smmu/spec/ste.hpp"\n#include <vector>\n'),
    ("software", "sw/its/driver.cpp", '#include "sw/cpu/cpu.hpp"\n#include "sim/task.hpp"\n'),
    ("layers", "models/smmu/uarch/tlb.cpp", '#include "smmu/arch/walk.hpp"\n#include "smmu/uarch/tlb.hpp"\n'),
    ("length", "sw/cpu/cpu.cpp", "\n" * 400),
    ("headers", "sw/cpu/cpu.hpp", "// What software sees.\n#pragma once\n"),
    ("determinism", "models/sim/scheduler.cpp", "// no host time() here\nint operand(int);\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { if (a && b) co_await g(); }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { if (co_await g()) h(a && b); const int y = a ? 1 : 2; }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { N n{1}; { co_await g(n); } for (int i = 0; i < 2 && b; ++i) co_await g(n); }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() {\n    switch (x) {\n        case A::b: co_await g(); break;\n    }\n}\n"),
    ("coroutines", "sw/x.cpp", "// co_await a && b\nauto operator co_await() const { return a && b; }\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { do { co_await g(); } while (a && b); }\n"),
    ("coroutines", "sw/x.cpp", "sim::Task<bool> f() const {\n    const u64 n = co_await g();\n    co_return n == 1 && m;\n}\n"),
    ("coroutines", "sw/x.cpp", "Task<> f() { scope.spawn([this]() -> sim::Task<> { co_await g(); }); }\n"),
]


@pytest.mark.parametrize("rule, path, text", BAD)
def test_finds(rule, path, text):
    assert found(rule, path, text)


@pytest.mark.parametrize("rule, path, text", GOOD)
def test_lets_pass(rule, path, text):
    assert not found(rule, path, text)


def test_every_rule_has_a_bad_and_a_good_example():
    assert {rule for rule, _, _ in BAD} == {rule for rule, _, _ in GOOD} == set(lint.RULES)
