"""Whether everything that stellarnb needs is here and works, each fault with its remedy."""

from stellarnb.doctor.examine import run_doctor
from stellarnb.doctor.finding import Finding

__all__ = ["Finding", "run_doctor"]
