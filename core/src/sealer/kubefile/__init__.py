"""Kubefiles: parsing into instructions with positions, and what they come to on top of a parent image."""

from sealer.kubefile.definition import DefinedApp, Definition, define
from sealer.kubefile.parser import Kubefile, parse, read
from sealer.kubefile.scope import Variables
from sealer.kubefile.statement import Caution

__all__ = ["Caution", "DefinedApp", "Definition", "Kubefile", "Variables", "define", "parse", "read"]
