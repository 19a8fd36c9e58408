"""Everything that may go wrong while hosts are changed, one fault after another: docs/faults.md as tests."""
