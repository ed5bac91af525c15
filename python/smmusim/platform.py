"""A simulated machine: memory, MMIO, PCIe functions, raw requesters, SMMUs, interrupts, statistics."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping

from smmusim import _core
from smmusim.access import Endpoint, Stream, octets
from smmusim.events import Event
from smmusim.host import Host
from smmusim.transactions import SlotWindow, Transaction, transaction
from smmusim.translation import Translation


def settings_of(values: Mapping, prefix: str = "") -> list[tuple[str, str]]:
    """Nested or dotted settings as (dotted path, text); numbers are in ps, bytes, Hz, bit/s or cycles."""
    result = []
    for key, value in values.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            result += settings_of(value, path)
        elif isinstance(value, bool):
            result.append((path, "true" if value else "false"))
        elif isinstance(value, (int, str)):
            result.append((path, str(value)))
        elif isinstance(value, (list, tuple)):
            result.append((path, "[" + ", ".join(str(item) for item in value) + "]"))
        else:
            raise TypeError(f"{path}: a setting is an int, a bool, a str, a list or a dict, not {type(value).__name__}")
    return result


class Memory:
    """RAM at the coherent point, without time. Attributes: base (physical address), size in bytes.

    Every access outside RAM raises ValueError naming the range.
    """

    def __init__(self, core: _core.Machine):
        self._core = core
        self.base, self.size = core.memory_range()

    def _check(self, pa: int, size: int) -> None:
        if size < 0:
            raise ValueError("a size is not negative")
        if not self.base <= pa <= self.base + self.size - size:
            raise ValueError(f"{size} bytes at {pa:#x} are not within RAM, "
                             f"{self.base:#x} to {self.base + self.size - 1:#x}")

    def read(self, pa: int, size: int) -> bytes:
        self._check(pa, size)
        return self._core.memory_read(pa, size)

    def write(self, pa: int, data: bytes) -> None:
        data = octets(data)
        self._check(pa, len(data))
        self._core.memory_write(pa, data)

    def read_u64(self, pa: int) -> int:
        return int.from_bytes(self.read(pa, 8), "little")

    def write_u64(self, pa: int, value: int) -> None:
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{value:#x} does not fit into 8 bytes")
        self.write(pa, value.to_bytes(8, "little"))

    def fill(self, pa: int, size: int, byte: int) -> None:
        if not 0 <= byte < 256:
            raise ValueError(f"{byte} is no byte")
        self._check(pa, size)
        self._core.memory_fill(pa, size, byte)


class Mmio:
    """Loads and stores of a CPU, sizes 1, 2, 4, 8; complete in simulated time when they return.

    Undefined, misaligned or wrong-sized accesses to device registers are RAZ/WI. An address that nothing decodes
    raises BusError; an access that crosses 4 KiB, or of another size, ValueError.
    """

    def __init__(self, core: _core.Machine):
        self._core = core

    @staticmethod
    def _check(size: int) -> None:
        if size not in (1, 2, 4, 8):
            raise ValueError(f"an access of {size} bytes; a CPU has 1, 2, 4 and 8")

    def read(self, pa: int, size: int, cpu: int = 0) -> int:
        self._check(size)
        return self._core.mmio_read(pa, size, cpu)

    def write(self, pa: int, value: int, size: int, cpu: int = 0) -> None:
        self._check(size)
        if not 0 <= value < 1 << (8 * size):
            raise ValueError(f"{value:#x} does not fit into {size} bytes")
        self._core.mmio_write(pa, value, size, cpu)


class Interrupts:
    """The CPU interface of one CPU by architected names, without time."""

    def __init__(self, core: _core.Machine, cpu: int):
        self._core = core
        self._cpu = cpu
        core.irq_pending(cpu)  # a CPU that is not there is an error now

    def read(self, register: str) -> int:
        value = self._core.icc_read(self._cpu, register)
        if value is None:
            raise ValueError(f"there is no readable register {register!r}")
        return value

    def write(self, register: str, value: int) -> None:
        if not self._core.icc_write(self._cpu, register, value):
            raise ValueError(f"there is no writable register {register!r}")

    def pending(self) -> list[int]:
        """INTIDs that could be acknowledged now."""
        return self._core.irq_pending(self._cpu)

    def acknowledge(self) -> int:
        """The INTID acknowledged; 1023 if there was none."""
        return self._core.irq_acknowledge(self._cpu)

    def end(self, intid: int) -> None:
        self._core.irq_end(self._cpu, intid)


class Statistics(Mapping):
    """All statistics by flat dotted path; reading one takes it now. An unknown name is a KeyError."""

    def __init__(self, core: _core.Machine):
        self._core = core

    def __getitem__(self, name: str):
        values = self._core.statistics()
        if name in values:
            return values[name]
        near = difflib.get_close_matches(name, values, n=1)
        raise KeyError(f"there is no statistic {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))

    def __iter__(self):
        return iter(self._core.statistics())

    def __len__(self) -> int:
        return len(self._core.statistics())

    def copy(self) -> dict:
        """All of them at this moment."""
        return self._core.statistics()

    def reset(self) -> None:
        """Opens a region of interest: counters and histograms start anew."""
        self._core.reset_statistics()


class Registers(Mapping):
    """Registers of an SMMU by architected name, as a read would return them, without time."""

    def __init__(self, core: _core.Machine, index: int):
        self._core = core
        self._index = index

    def __getitem__(self, name: str) -> int:
        value = self._core.smmu_register(self._index, name)
        if value is None:
            near = difflib.get_close_matches(name, self._core.smmu_register_names(), n=1)
            raise KeyError(f"there is no register {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return value

    def __iter__(self):
        return iter(self._core.smmu_register_names())

    def __len__(self) -> int:
        return len(self._core.smmu_register_names())


class Smmu:
    """One SMMU. Attributes: registers."""

    def __init__(self, core: _core.Machine, index: int):
        self.registers = Registers(core, index)
        self._core = core
        self._index = index

    def transactions(self, tbu: int = 0) -> list[Transaction]:
        """The newest transactions of a TBU, in the order of their responses; `smmuN.tbuM.records_kept` says how many.

        None are kept by default.
        """
        return [transaction(record) for record in self._core.smmu_transactions(self._index, tbu)]

    def occupancy(self) -> dict[str, list[SlotWindow]]:
        """The use of the slots from time 0 until now; `smmuN.occupancy_windows` says in how many windows at most.

        Keys: `tcu.walk_slots`, `tbuM.translation_slots`. Windows follow each other without gaps. Empty by default.
        """
        found = self._core.smmu_occupancy(self._index)
        return {name: [SlotWindow(*window) for window in windows] for name, windows in found.items()}


class Platform:
    """A machine from a preset with overrides; no software has run.

    preset: a YAML file (tried as named, in the working directory, in platform/), a dict as under `platform:` in a
    scenario, or None for the defaults. Keyword arguments are dotted parameters: strings with unit, or integers in ps,
    bytes, Hz, bit/s, cycles. Raises ConfigError.
    """

    def __init__(self, preset: str | os.PathLike | Mapping | None = None, **overrides):
        settings: list[tuple[str, str]] = []
        file = ""
        if isinstance(preset, Mapping):
            rest = dict(preset)
            file = str(rest.pop("base", ""))
            settings += settings_of(rest)
        elif preset is not None:
            file = os.fspath(preset)
        settings += settings_of(overrides)
        self._core = _core.Machine(file, settings)
        self.memory = Memory(self._core)
        self.mmio = Mmio(self._core)
        self.stats = Statistics(self._core)
        self.endpoints = [Endpoint(self, index) for index in range(self._core.endpoint_count())]
        self.smmus = [Smmu(self._core, index) for index in range(self._core.smmu_count())]

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Ends the simulation; the platform cannot be used afterwards."""
        self._core.close()

    @property
    def now(self) -> int:
        """Simulated time in picoseconds."""
        return self._core.now

    @property
    def digest(self) -> str:
        """A hash over all integer statistics and all events."""
        return self._core.digest()

    @property
    def parameters(self) -> dict:
        """Every parameter by its dotted path, in base units."""
        return self._core.parameters()

    @property
    def events(self) -> list[Event]:
        """Event records that the SMMUs have written, oldest first."""
        return [Event(record) for _, _, record in self._core.events()]

    def run(self, duration: int | None = None) -> None:
        """Runs for `duration` picoseconds, or until idle."""
        if duration is not None and duration < 0:
            raise ValueError("a duration is not negative")
        self._core.run(duration)

    def waiting(self) -> str:
        """Who waits for whom, one line each."""
        return self._core.waiting()

    def reset(self, clear_memory: bool = False) -> None:
        """Architected reset of every device. Work in flight is dropped; RAM, time and statistics stay.

        The software that boot() started does not survive it: its objects raise ValueError, and boot() starts anew.
        """
        self._core.reset(clear_memory)

    def stream(self, stream_id: int, substream_id: int | None = None, privileged: bool = False,
               instruction: bool = False, secure: bool = False, at: str = "untranslated",
               device_id: int | None = None, tbu: int = 0, smmu: int = 0) -> Stream:
        """A raw requester in front of a TBU."""
        return Stream(self, stream_id, substream_id=substream_id, privileged=privileged, instruction=instruction,
                      secure=secure, at=at, device_id=device_id, tbu=tbu, smmu=smmu)

    def interrupts(self, cpu: int = 0) -> Interrupts:
        """The CPU interface of a CPU. Raises ValueError if there is no such CPU."""
        return Interrupts(self._core, cpu)

    def translate(self, stream_id: int, iova: int, write: bool = False, substream_id: int | None = None,
                  privileged: bool = False, instruction: bool = False, secure: bool = False,
                  at: str = "untranslated", cached: bool = False, smmu: int = 0) -> Translation:
        """What would happen to an access: walks memory; uses and changes no TLB, no statistic, no memory.

        cached=True tells what the hardware would do now, with what its TLBs hold.
        """
        if write and instruction:
            raise ValueError("a write is never an instruction access")
        if secure:
            raise ValueError("the SMMU has no Secure state (S_IDR1.SECURE_IMPL = 0)")
        answer = self._core.translate(smmu, 0, stream_id, iova, write, substream_id, privileged, instruction, at,
                                      cached)
        return Translation(answer)

    def boot(self, **software) -> Host:
        """Boots the software stack; keyword arguments are parameters under `software`, such as msi_policy."""
        return Host(self, settings_of(software))
