"""What all distributions of Kubernetes have in common once they run; cluster runtimes share it."""

from sealer.kubernetes.marks import Taint, mark_step, parse_taint, taint_holds

__all__ = ["Taint", "mark_step", "parse_taint", "taint_holds"]
