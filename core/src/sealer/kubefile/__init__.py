"""Kubefiles: parsing into instructions with positions, and what they come to on top of a parent image."""

from sealer.kubefile.definition import DefinedApp, Definition, define
from sealer.kubefile.parser import Kubefile, parse, read

__all__ = ["DefinedApp", "Definition", "Kubefile", "define", "parse", "read"]
