# Image layers from host to host: one that gets them offers them to others, by an sshd of its own that does
# nothing else, with keys that count for one operation. A directory in $data/blobs/offered, called as that of
# the sshd, has a link to each that is whole, and .all when no more will come.

# private_place: leaves a directory in $place that nobody else reads and no disk holds, until the script ends
private_place() {
  place=$(mktemp -d /run/sealer-layers-XXXXXX) || exit
  trap 'leave_place' EXIT
  trap 'exit 1' HUP INT TERM PIPE
}
leave_place() {
  if [ -n "${server:-}" ]; then kill "$server" 2>/dev/null; fi
  rm -rf "$place"
}
# offer_layers HOST-KEY PUBLIC-KEY PORT...: until standard input ends; a line of it tells that no more will
# come. Prints the address and port
offer_layers() {
  sshd=$(command -v sshd) || { echo "there is no sshd" >&2; exit 1; }
  private_place
  (umask 077; printf '%s\n' "$1" > "$place/host_key")
  printf 'restrict,command="sh %s/offer" %s\n' "$place" "$2" > "$place/authorized_keys"
  offered=$data/blobs/offered/${place##*/}
  printf '%s\n' "$offered" > "$place/where"
  shift 2
  # tar is told each name when it has arrived: GNU tar reads on when it has passed on what it was told.
  cat > "$place/offer" << 'OFFER'
where=$(cat "${0%/*}/where") && cd "$where" || exit
set -f
for blob in $SSH_ORIGINAL_COMMAND; do
  case $blob in *[!0-9a-f]*) exit 2 ;; esac
  all=
  until [ -e "$blob" ]; do
    [ -d "$where" ] && [ -e "$0" ] && [ -z "$all" ] || exit 3
    if [ -e .all ]; then all=yes; continue; fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  printf '%s\n' "$blob"
done | tar -cf - -T -
OFFER
  cat > "$place/config" << CONFIG
HostKey $place/host_key
AuthorizedKeysFile $place/authorized_keys
PidFile none
StrictModes no
UsePAM yes
PermitRootLogin forced-commands-only
AllowUsers root
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitTTY no
DisableForwarding yes
PermitUserRC no
PrintMotd no
UseDNS no
LoginGraceTime 20
MaxStartups 100
ClientAliveInterval 15
CONFIG
  for port; do
    "$sshd" -D -e -f "$place/config" -p "$port" > "$place/log" 2>&1 &
    server=$!
    until grep -q "^Server listening on .* port $port" "$place/log"; do
      kill -0 "$server" 2>/dev/null || { server=; break; }
      nap
    done
    [ -z "$server" ] || break
  done
  if [ -z "$server" ]; then cat "$place/log" >&2; exit 1; fi
  # A host that lost its power left what it offered.
  for old in "$data/blobs/offered"/*; do
    [ -d "${place%/*}/${old##*/}" ] || rm -rf "$old"
  done
  mkdir -p "$offered"
  printf '%s %s\n' "$(own_address)" "$port" >&3
  while read -r line; do : > "$offered/.all"; done
  rm -rf "$offered"
  rmdir "$data/blobs/offered" 2>/dev/null || :
}
# fetch_layers HOST-KEY PRIVATE-KEY ADDRESS PORT HEX=SIZE...: from a host that offers them, as far as it goes
fetch_layers() {
  command -v ssh > /dev/null || { echo "there is no ssh" >&2; exit 1; }
  private_place
  printf 'offering %s\n' "$1" > "$place/known_hosts"
  (umask 077; printf '%s\n' "$2" > "$place/key")
  address=$3 port=$4 telling=yes
  shift 4
  wanted=
  for blob; do wanted="$wanted ${blob%%=*}"; done
  ssh -T -F /dev/null -i "$place/key" -p "$port" -l root -o BatchMode=yes -o IdentitiesOnly=yes \
    -o IdentityAgent=none -o UserKnownHostsFile="$place/known_hosts" -o GlobalKnownHostsFile=/dev/null \
    -o StrictHostKeyChecking=yes -o HostKeyAlias=offering -o CheckHostIP=no -o ConnectTimeout=5 \
    -o ServerAliveInterval=5 -o ServerAliveCountMax=4 -o LogLevel=ERROR "$address" "${wanted# }" |
    receive "$@"
}
