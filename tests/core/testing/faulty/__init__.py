"""Providers with one fault each, under the contract that must find it. ``test_conformance`` runs these files.

``finds`` names the tests that must fail; ``TestSound*`` have no fault, and all of their tests must pass.
"""
