"""smmusim: a full-system simulator of the Arm SMMUv3, the GICv3 ITS and PCIe, with the software that drives them.

Times are integers in picoseconds unless a name says otherwise.
"""

from smmusim.access import Endpoint, Handle, Result, Stream
from smmusim.errors import Blocked, BusError, ConfigError, Error
from smmusim.events import Event
from smmusim.host import Device, Domain, Host, Irq
from smmusim.platform import Platform
from smmusim.scenario import run
from smmusim.traffic import Traffic
from smmusim.transactions import SlotWindow, Stages, Transaction
from smmusim.translation import Step, Translation

__all__ = [
    "Blocked", "BusError", "ConfigError", "Device", "Domain", "Endpoint", "Error", "Event", "Handle", "Host", "Irq",
    "Platform", "Result", "SlotWindow", "Stages", "Step", "Stream", "Traffic", "Transaction", "Translation", "run",
]
