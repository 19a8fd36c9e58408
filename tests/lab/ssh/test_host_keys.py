"""Host keys: unknown, recorded, changed, pinned, and signed by an authority."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sealer.testing.sshd import make_key
from tests.lab.plain import IMAGE, make_plain_image
from tests.lab.ssh.net import UNFIT, Net, check, write

pytestmark = pytest.mark.lab


def test_a_new_key_is_recorded_when_told_and_a_changed_one_is_refused_before_anything_is_written(
    net: Net,
) -> None:
    newcomer = replace(net.operator, home=net.operator.home / "newcomer")
    newcomer.home.mkdir()
    newcomer = replace(newcomer, lab=None).trusting(net.lab)
    (newcomer.home / ".ssh/known_hosts").unlink()
    make_plain_image(newcomer)
    addresses = net.address("n1"), net.address("n3")
    words = ("-m", addresses[0], "-n", addresses[1], "--pk", str(net.key))
    unknown = newcomer.sealer("run", IMAGE, *words, code=1)
    assert net.fingerprint("n1") in unknown.stderr
    assert "--accept-new" in unknown.stderr
    assert not (newcomer.sealer_home / "known_hosts").exists()

    newcomer.sealer("check", *words, "--accept-new")
    recorded = newcomer.sealer_home / "known_hosts"
    assert recorded.read_text().count("\n") == 2
    check(replace(net, operator=newcomer), "--pk", str(net.key))

    one, other = (line.split() for line in sorted(recorded.read_text().splitlines()))
    recorded.write_text(f"{one[0]} {other[1]} {other[2]}\n{' '.join(other)}\n")
    for flags in ((), ("--accept-new",)):
        changed = newcomer.sealer("run", IMAGE, *words, *flags, code=1)
        assert "the host key has changed" in changed.stderr
        assert f"{recorded}:1" in changed.stderr
    for node in net.lab.nodes:
        assert node.run(["test", "-e", "/var/lib/sealer"], check=False).returncode == 1


def test_keys_that_a_clusterfile_pins_or_an_authority_signed(net: Net) -> None:
    node = net.lab.node("n1")
    authority = net.operator.home / "authority"
    make_key(authority)
    node.run(["sh", "-c", "cat > /root/authority; chmod 600 /root/authority"], input=authority.read_text())
    names = f"{net.address('n1')},n1"
    sign = ["ssh-keygen", "-q", "-s", "/root/authority", "-I", "n1", "-h", "-n", names]
    node.run([*sign, "/etc/ssh/ssh_host_ed25519_key.pub"])
    certificate = "HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\n"
    write(node, "/etc/ssh/sshd_config.d/b.conf", certificate)
    node.run(["systemctl", "reload", "ssh"])
    net.file("authorities", f"@cert-authority 10.* {authority.with_suffix('.pub').read_text()}")
    stranger = replace(net.operator, home=net.operator.home / "believer")
    stranger.home.mkdir()
    file = net.clusterfile(f"""
        ssh: {{pk: {net.key}}}
        hosts:
        - ips: [{net.address("n1")}]
          roles: [master]
          ssh: {{knownHosts: {net.operator.home}/authorities}}
        - ips: [{net.address("n3")}]
          roles: [node]
          ssh: {{port: 2222, hostKeyFingerprints: ["{net.fingerprint("n3")}"]}}
        """)
    stranger.sealer("check", "-f", str(file))
    file.write_text(file.read_text().replace(net.fingerprint("n3"), net.fingerprint("n1")))
    refused = stranger.sealer("check", "-f", str(file), "-o", "json", code=UNFIT)
    (finding,) = (found for found in json.loads(refused.stdout)["findings"] if found["severity"] == "error")
    assert finding["host"] == net.address("n3")
    assert "another key than the pinned one" in finding["found"]
