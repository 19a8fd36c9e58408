"""What is left of kubectl's words."""

from __future__ import annotations

import subprocess

from sealer.kubernetes import IN_SHORT


def test_of_a_server_that_is_not_ready_the_reason_alone_is_told() -> None:
    said = r'an error ("[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed") said it'
    done = subprocess.run(["sh", "-c", IN_SHORT], input=said, capture_output=True, text=True, check=True)
    assert done.stdout == 'an error ("[-]etcd failed: reason withheld; readyz check failed") said it'
