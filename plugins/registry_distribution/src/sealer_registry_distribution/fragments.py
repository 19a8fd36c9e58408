"""Pieces of sh that the registry's step is made of."""

from __future__ import annotations

from sealer.changes import quote
from sealer_registry_distribution.config import MARK, UNIT, UNIT_PATH
from sealer_registry_distribution.credentials import Credentials

STATE = f"""\
cluster=$(sed -n {quote(f"1s/^{MARK}//p")} {UNIT_PATH} 2>/dev/null) || :
if [ -n "$cluster" ]; then
  echo "ours $cluster"
else
  printf listening
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" {{ sub(/.*:/, "", $2); printf " %s", $2 }}'
fi"""
"""sh that prints ``ours CLUSTER``, or ``listening`` and the ports that are listened on, in hexadecimal."""


def write_credentials(directory: str, credentials: Credentials) -> str:
    """Return sh that makes the directory with all credentials in it, at once or not at all."""
    files = {
        "ca.crt": credentials.authority,
        "ca.key": credentials.authority_key,
        "tls.crt": credentials.certificate,
        "tls.key": credentials.key,
        "password": credentials.password,
        "basic": credentials.basic,
        "htpasswd": credentials.htpasswd,
        "environment": f"REGISTRY_HTTP_SECRET={credentials.upload_secret}\n",
    }
    new = quote(f"{directory}.new")
    lines = ["umask 077", f"rm -rf {new}", f"mkdir -p {new}"]
    lines += [f"printf %s {quote(text)} > {new}/{name}" for name, text in files.items()]
    lines.append(f"mv {new} {quote(directory)}")
    return "\n".join(lines)


def remove_credentials(directory: str) -> str:
    """Return sh that removes the directory, and that above it when nothing is left there."""
    above = quote(directory.rpartition("/")[0])
    return f"rm -rf {quote(directory)} {quote(f'{directory}.new')}\nrmdir {above} 2>/dev/null || :"


def listens(port: int) -> str:
    """Return sh that succeeds when the unit's own process listens on the port.

    It reads /proc, because a host need not have a program that speaks HTTP.
    """
    return f"""\
pid=$(systemctl show -p MainPID {UNIT} | cut -d = -f 2)
[ "${{pid:-0}}" != 0 ] || exit 1
sockets=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
for inode in $(echo "$sockets" | awk '$2 ~ /:{port:04X}$/ && $4 == "0A" {{ print $10 }}'); do
  if ls -l "/proc/$pid/fd" | grep -Fq "socket:[$inode]"; then exit 0; fi
done
exit 1"""


def wait_until_it_listens(port: int) -> str:
    """Return sh that waits for that, half a minute at most, and else shows the unit's last words."""
    return f"""\
for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
  if (
{listens(port)}
  ); then exit 0; fi
  sleep 1
done
systemctl status --no-pager --lines=15 {UNIT} || :
echo "the registry does not listen on port {port}" >&2
exit 1"""
