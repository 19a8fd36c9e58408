# shellcheck shell=bash
# Sourced by the scripts beside it: where what they need is kept, and how it gets there.
#
#   say TEXT                 tell what is being done
#   need_programs WORD...    install the Debian packages of programs that are missing; WORD is program:package, or
#                            a path for a package that brings no program, as /usr/share/doc/x:x
#   require_inotify          refuse to go on when the kernel has too few inotify instances left for three machines with
#                            Kubernetes
#   free_inotify             print how many are left
#   require_disk MB          refuse to go on when so much more on the disk of the cache would fill it so far that
#                            kubelets take pods away
#   use_venv                 make or update the virtual environment with all of this checkout, and activate it
#
# It sets CHECKOUT and SEALER_CACHE (default /var/cache/sealer, or ~/.cache/sealer where that can't be written).

CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '== %s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

if [ -z "${SEALER_CACHE:-}" ]; then
    SEALER_CACHE=/var/cache/sealer
    if ! { mkdir -p "$SEALER_CACHE" && [ -w "$SEALER_CACHE" ]; } 2>/dev/null; then
        SEALER_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sealer
    fi
fi
mkdir -p "$SEALER_CACHE" || die "the cache directory $SEALER_CACHE can't be made; set SEALER_CACHE to another"
export SEALER_CACHE
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # sshd, debootstrap and mkfs live there, also for plain users

need_programs() {
    local word missing=()
    for word in "$@"; do
        case $word in
            /*) [ -e "${word%:*}" ] || missing+=("${word##*:}") ;;
            *) command -v "${word%:*}" >/dev/null || missing+=("${word##*:}") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "these are needed and this is no Debian system: ${missing[*]}"
    [ "$(id -u)" = 0 ] || die "these Debian packages are needed; install them as root: apt-get install ${missing[*]}"
    say "installing Debian packages: ${missing[*]}"
    (install_packages "${missing[@]}" >"$SEALER_CACHE/packages.log" 2>&1) || {
        tail -n 20 "$SEALER_CACHE/packages.log" >&2
        die "apt-get could not install: ${missing[*]}; all it said is in $SEALER_CACHE/packages.log"
    }
}

# The kernel counts these for all of root's processes together, those of the lab's machines among them.
free_inotify() {
    local used
    used=$(find /proc/[0-9]*/fd -lname anon_inode:inotify 2>/dev/null | wc -l) || true
    echo $(($(cat /proc/sys/fs/inotify/max_user_instances) - used))
}

require_inotify() {
    local free limit
    free=$(free_inotify)
    limit=$(cat /proc/sys/fs/inotify/max_user_instances)
    [ "$free" -ge 60 ] || die "Kubernetes on three machines needs 60 inotify instances, and $free of $limit are" \
        "left; end what uses them, or: sysctl -w fs.inotify.max_user_instances=$((limit + 128))"
}

# Kubelets evict pods when less than 15 % of the disk of their images is free, and the machines are on this one:
# https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
require_disk() {
    local size free
    read -r size free < <(df --output=size,avail -BM "$SEALER_CACHE" | tail -n 1 | tr -d M)
    [ $((free - $1)) -ge $((size * 15 / 100)) ] || die "$SEALER_CACHE has $free MB free of $size MB: $1 MB more are" \
        "needed, and kubelets evict pods when less than 15 % is left; make room, or set SEALER_CACHE to a larger disk"
}

# Runs in a subshell, so that its traps end with it.
install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    local apt=(apt-get -qq -o DPkg::Lock::Timeout=600) package units=()
    exec 9>"$SEALER_CACHE/packages.lock"
    flock 9
    # While packages are installed nothing may start a daemon; tests start their own, on free ports.
    local policy=/usr/sbin/policy-rc.d mark='# made by sealer for the time of an installation'
    if [ ! -e $policy ] || grep -qxF "$mark" $policy; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >$policy
        chmod 755 $policy
    fi
    for package in docker-registry:docker-registry.service openssh-server:ssh.service; do
        case " $* " in *" ${package%:*} "*) units+=("${package##*:}") ;; esac
    done
    "${apt[@]}" install -y --no-install-recommends "$@" 9>&- || {
        "${apt[@]}" update 9>&- || true # an old list is often good enough, and its absence fails below
        "${apt[@]}" install -y --no-install-recommends "$@" 9>&-
    } || return 1
    # Nor at the next start of the machine: they were installed for their programs.
    if [ ${#units[@]} -gt 0 ] && command -v systemctl >/dev/null; then
        systemctl disable --no-reload "${units[@]}" || true
    fi
}

use_venv() {
    local python='' candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        need_programs python3.11:python3
        python=python3.11
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || need_programs /nonexistent:python3-venv

    # One environment per checkout and set of requirements: its members are installed as links into the checkout.
    local key venv
    key=$(
        cd "$CHECKOUT" || exit
        { pwd; "$python" -VV; cat requirements-dev.txt core/pyproject.toml plugins/*/pyproject.toml; } | sha256sum
    )
    venv=$SEALER_CACHE/venv-${key:0:12}
    exec 8>"$venv.lock"
    flock 8
    if [ ! -e "$venv/complete" ]; then
        say "making the Python environment $venv"
        find "$SEALER_CACHE" -maxdepth 1 -type d -name 'venv-*' -mtime +14 -exec rm -rf {} +
        rm -rf "$venv"
        "$python" -m venv "$venv" || die "python -m venv failed"
        local pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet)
        # The build backend comes first, so that not every member fetches one of its own.
        "${pip[@]}" install 'hatchling>=1.27' editables >&2 || die "pip could not install hatchling"
        (cd "$CHECKOUT" && "${pip[@]}" install --no-build-isolation -r requirements-dev.txt >&2) ||
            die "pip could not install requirements-dev.txt"
        touch "$venv/complete"
    fi
    touch "$venv"
    exec 8>&-
    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
}
