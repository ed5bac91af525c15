"""The booted software stack: devices, domains, reserved IOVA windows, interrupts.

Calls run in simulated time and return when they are done. A call that fails raises OSError with the errno of Linux.
`cpu=n` names the CPU that makes the call. A reset of the machine ends the software: its objects raise ValueError from
then on, and a domain that was freed does so too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

from smmusim import _core
from smmusim.access import Endpoint

if TYPE_CHECKING:
    from smmusim.platform import Platform


def _check(error: int, what: str = "") -> None:
    if error < 0:
        raise OSError(-error, os.strerror(-error) + (f": {what}" if what else ""))


def _value(answer: tuple):
    _check(answer[0])
    return answer[1]


class Irq:
    """One enabled MSI-X vector."""

    def __init__(self, platform: Platform, vector: _core.Vector):
        self._core = platform._core
        self._vector = vector

    @property
    def message(self) -> tuple[int, int]:
        """(address, data) as they stand in the function's table."""
        return self._core.vector_state(self._vector)[:2]

    @property
    def intid(self) -> int:
        return self._core.vector_state(self._vector)[2]

    @property
    def cpu(self) -> int:
        """The CPU that it is routed to."""
        return self._core.vector_state(self._vector)[3]

    @property
    def fired(self) -> int:
        """How often its handler ran."""
        return self._core.vector_state(self._vector)[4]

    def on_fire(self, callback: Callable[[], None] | None) -> None:
        """Calls `callback()` in the interrupt handler; what it raises arrives where the simulation was run."""
        self._core.on_fire(self._vector, None if callback is None else lambda index: callback())

    def set_affinity(self, target: int, cpu: int = 0) -> None:
        """Moves the vector to CPU `target`."""
        _check(self._core.set_affinity(self._vector, target, cpu))

    def disable(self, cpu: int = 0) -> None:
        """Frees the vector."""
        _check(self._core.disable_vector(self._vector, cpu))


class Device:
    """A PCI function as the operating system knows it."""

    def __init__(self, platform: Platform, device: _core.Device):
        self._platform = platform
        self._device = device
        self.name = platform._core.device_name(device)

    @property
    def domain(self) -> Domain | None:
        """The domain that it is attached to, or None without an SMMU."""
        domain = self._platform._core.device_domain(self._device)
        return None if domain is None else Domain(self._platform, domain)

    def enable_msix(self, n: int, cpu: int = 0) -> list[Irq]:
        """Allocates and enables vectors 0 to n - 1."""
        _check(self._platform._core.enable_msix(self._device, n, cpu))
        return [Irq(self._platform, self._platform._core.vector(self._device, index)) for index in range(n)]

    def disable_msix(self, cpu: int = 0) -> None:
        """Frees all vectors."""
        _check(self._platform._core.disable_msix(self._device, cpu))


class Domain:
    """An address space of devices."""

    def __init__(self, platform: Platform, domain: _core.Domain):
        self._platform = platform
        self._core = platform._core
        self._domain = domain
        self.name = self._core.domain_name(domain)

    def attach(self, dev: Device, cpu: int = 0) -> None:
        """Moves the device's whole group into this domain and lets the function master the bus."""
        _check(self._core.attach(self._domain, dev._device, cpu))

    def detach(self, dev: Device, cpu: int = 0) -> None:
        """Moves the device's group back to its default domain."""
        _check(self._core.detach(dev._device, cpu))

    def map(self, iova: int, pa: int, size: int, prot: str, cpu: int = 0) -> None:
        """Maps [iova, iova + size) to pa; prot: letters of "rwx", plus "m" for device memory."""
        _check(self._core.map(self._domain, iova, pa, size, prot, cpu))

    def unmap(self, iova: int, size: int, cpu: int = 0) -> int:
        """Unmaps, invalidates and synchronises; returns the bytes unmapped."""
        return _value(self._core.unmap(self._domain, iova, size, cpu))

    def measure_mapping(self, iova: int, pa: int, size: int, prot: str = "rw", cpus: int = 1,
                        rounds: int = 4) -> tuple[float, float]:
        """What map and unmap take, in ns per call, when CPUs 0 to cpus - 1 do both again and again at the same time:
        each with `size` bytes of its own, from `iova` and `pa` on. The mean of `rounds` after one that warms up."""
        mapped, unmapped = _value(self._core.measure_mapping(self._domain, iova, pa, size, prot, cpus, rounds))
        return mapped / 1000, unmapped / 1000

    def iova_to_phys(self, iova: int, cpu: int = 0) -> int | None:
        return self._core.iova_to_phys(self._domain, iova, cpu)

    def attr(self, name: str) -> bool:
        """A domain attribute: "DOMAIN_ATTR_MSI_MAPPING"."""
        return _value(self._core.domain_attribute(self._domain, name))

    def alloc_reserved_iova_domain(self, base: int, size: int, prot: str, order: int, cpu: int = 0) -> None:
        """iommu_alloc_reserved_iova_domain: EINVAL, EEXIST, ENOENT, ENOMEM."""
        _check(self._core.alloc_reserved_iova_domain(self._domain, base, size, prot, order, cpu))

    def free_reserved_iova_domain(self, cpu: int = 0) -> None:
        """iommu_free_reserved_iova_domain: removes every live binding."""
        _check(self._core.free_reserved_iova_domain(self._domain, cpu))

    def get_reserved_iova(self, pa: int, size: int, prot: str, cpu: int = 0) -> int:
        """iommu_get_reserved_iova: the IOVA of pa; EINVAL, EBUSY, ENOMEM, ENOENT."""
        return _value(self._core.get_reserved_iova(self._domain, pa, size, prot, cpu))

    def put_reserved_iova(self, pa: int, cpu: int = 0) -> None:
        """iommu_put_reserved_iova: drops a reference; the last one unmaps."""
        _check(self._core.put_reserved_iova(self._domain, pa, cpu))

    @property
    def reserved_bindings(self) -> list[tuple[int, int, int, int]]:
        """Live bindings as (pa, iova, size in bytes, references)."""
        return self._core.reserved_bindings(self._domain)

    def free(self, cpu: int = 0) -> None:
        """Frees the domain; EBUSY while a device is attached."""
        _check(self._core.free_domain(self._domain, cpu))


class Host:
    """An operating system that has booted."""

    def __init__(self, platform: Platform, settings: list[tuple[str, str]]):
        core = platform._core
        error = core.boot(settings)
        _check(error, f"boot failed at {core.boot_failure()}" if error else "")
        self._platform = platform
        self._host = core.host()

    def device(self, endpoint: Endpoint | int) -> Device:
        """The function of an endpoint, or of a RequesterID. Raises ValueError if the host found none."""
        if isinstance(endpoint, Endpoint) and endpoint._platform is not self._platform:
            raise ValueError(f"{endpoint!r} belongs to another platform")
        requester = endpoint.requester_id if isinstance(endpoint, Endpoint) else endpoint
        device = self._platform._core.device(self._host, requester)
        if device is None:
            raise ValueError(f"the host found no function with RequesterID {requester:#x}")
        return Device(self._platform, device)

    def alloc_domain(self, type: str = "unmanaged", stage: int | None = None, smmu: int = 0, cpu: int = 0) -> Domain:
        """A new domain: "unmanaged" (of stage 1 or 2, or what the SMMU has) or "identity"."""
        if stage not in (None, 1, 2):
            raise ValueError("stage is 1, 2 or None")
        stage_text = "" if stage is None else str(stage)
        answer = self._platform._core.alloc_domain(self._host, type, stage_text, smmu, cpu)
        return Domain(self._platform, _value(answer))
