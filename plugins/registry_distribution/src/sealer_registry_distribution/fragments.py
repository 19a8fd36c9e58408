"""Pieces of sh that the registry's step is made of."""

from __future__ import annotations

from sealer.changes import quote
from sealer_registry_distribution.config import CACHE_UNIT_PREFIX, MARK, UNIT, UNIT_PATH
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


FILES = {
    "authority": "ca.crt",
    "authority_key": "ca.key",
    "certificate": "tls.crt",
    "key": "tls.key",
    "password": "password",
    "basic": "basic",
    "htpasswd": "htpasswd",
    "upload_secret": "upload-secret",
}
"""The files of credentials by the names that ``Credentials`` gives to what is in them."""

PUBLIC = frozenset({"authority", "certificate"})
"""Those that are no secret."""


def write_credentials(directory: str, credentials: Credentials) -> str:
    """Return sh that makes the directory with all credentials in it, at once or not at all.

    They may be values that are filled in later, which must be free of single quotes, as PEM, base64 and
    bcrypt are.
    """
    new = quote(f"{directory}.new")
    lines = ["umask 077", f"rm -rf {new}", f"mkdir -p {new}"]
    lines += [f"printf %s {quote(getattr(credentials, name))} > {new}/{file}" for name, file in FILES.items()]
    secret = quote(f"REGISTRY_HTTP_SECRET={credentials.upload_secret}")
    lines += [f"printf '%s\\n' {secret} > {new}/environment", f"mv {new} {quote(directory)}"]
    return "\n".join(lines)


def remove_credentials(directory: str) -> str:
    """Return sh that removes the directory, and that above it when nothing is left there."""
    above = quote(directory.rpartition("/")[0])
    return f"rm -rf {quote(directory)} {quote(f'{directory}.new')}\nrmdir {above} 2>/dev/null || :"


def replace_credentials(directory: str, credentials: Credentials, stamp: str) -> str:
    """Return sh that puts other credentials in the place of those there, which are kept beside them."""
    place, kept = quote(directory), quote(f"{directory}.before-{stamp}")
    making = write_credentials(directory, credentials).rpartition("\n")[0]
    new = quote(f"{directory}.new")
    return f"""\
{making}
printf %s {quote(stamp)} > {new}/stamp
rm -rf {kept}
mv {place} {kept}
mv {new} {place}"""


def has_stamp(directory: str, stamp: str) -> str:
    """Return sh that succeeds when the credentials are those of one rotation."""
    return f'[ "$(cat {quote(f"{directory}/stamp")} 2>/dev/null)" = {quote(stamp)} ]'


def restore_credentials(directory: str, stamp: str) -> str:
    """Return sh that puts the credentials of before a rotation back, and has the registry read them."""
    place, kept = quote(directory), quote(f"{directory}.before-{stamp}")
    return f"""\
rm -rf {quote(f"{directory}.new")}
if [ -d {kept} ]; then
  rm -rf {place}
  mv {kept} {place}
  systemctl try-restart {UNIT} '{CACHE_UNIT_PREFIX}*.service'
fi"""


def listens(port: int, unit: str = UNIT) -> str:
    """Return sh that succeeds when the unit's own process, or a child of it, listens on the port.

    It reads /proc, because a host need not have a program that speaks HTTP.
    """
    return f"""\
pid=$(systemctl show -p MainPID {unit} | cut -d = -f 2)
[ "${{pid:-0}}" != 0 ] || exit 1
sockets=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
for inode in $(echo "$sockets" | awk '$2 ~ /:{port:04X}$/ && $4 == "0A" {{ print $10 }}'); do
  for process in $pid $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
    if ls -l "/proc/$process/fd" | grep -Fq "socket:[$inode]"; then exit 0; fi
  done
done
exit 1"""


def why_it_does_not_listen(port: int, unit: str = UNIT) -> str:
    """Return sh that prints what systemd and the registry itself say."""
    return f"""\
echo "nothing of {unit}, which is $(systemctl is-active {unit}), listens on port {port}"
journalctl -q --no-pager -o cat -n 2 -u {unit}"""


def is_listened_on(port: int) -> str:
    """Return sh that succeeds when any process listens on the port."""
    return f"""\
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk '$2 ~ /:{port:04X}$/ && $4 == "0A" {{ found = 1 }} END {{ exit !found }}'"""


_CLIENTS = "for client in docker nerdctl; do\n  command -v $client >/dev/null || continue"


def why_no_container_listens(port: int, container: str) -> str:
    """Return sh that prints what is known of the container that should listen."""
    return f"""\
echo "nothing listens on port {port} after scripts/init-registry.sh of the image"
{_CLIENTS}
  $client logs --tail 2 {container} 2>&1
done"""


def remove_container(container: str) -> str:
    """Return sh that removes the container, by whichever client the host has."""
    return f"""\
{_CLIENTS}
  $client rm -f {container} >/dev/null 2>&1 || :
done"""
