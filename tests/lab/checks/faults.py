"""What is wrong with machines, and which check must find it."""

from __future__ import annotations

from dataclasses import dataclass

UNFIT = 3


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something wrong with a node.

    Attributes:
        check: The check that must find it.
        make: sh that makes it; ``$address`` and ``$id`` are the address and the machine id of n1.
        unmake: sh that takes it away.
        severity: What it is found to be.
        node: Where it is made.
        told: The node that the finding is about.
        code: The exit code, where the severity does not say it.
    """

    check: str
    make: str
    unmake: str
    severity: str = "error"
    node: str = "n2"
    told: str = "n2"
    code: int | None = None

    @property
    def exit_code(self) -> int:
        return self.code or (UNFIT if self.severity == "error" else 0)


FAULTS = (
    Fault(check="host-name-unique", make="hostname n1", unmake="hostname n2"),
    Fault(check="host-name", make="echo under_score > /proc/sys/kernel/hostname", unmake="hostname n2"),
    Fault(
        check="machine-id-unique",
        make="cp -a /etc/machine-id /root/id; echo $id > /etc/machine-id",
        unmake="mv /root/id /etc/machine-id",
        severity="warning",
    ),
    Fault(
        check="other-cluster",
        make="mkdir -p /var/lib/sealer/old/journal",
        unmake="rm -r /var/lib/sealer",
    ),
    Fault(
        check="ssh-sessions",
        make="echo 'MaxSessions 2' > /etc/ssh/sshd_config.d/few.conf",
        unmake="rm /etc/ssh/sshd_config.d/few.conf",
        severity="warning",
    ),
    Fault(
        check="ssh-startups",
        make="echo 'MaxStartups 2:30:60' > /etc/ssh/sshd_config.d/few.conf",
        unmake="rm /etc/ssh/sshd_config.d/few.conf",
        severity="warning",
    ),
    Fault(
        check="local-resolver",
        make="cp /etc/resolv.conf /root/resolv; echo nameserver 127.0.0.1 > /etc/resolv.conf",
        unmake="cat /root/resolv > /etc/resolv.conf; rm /root/resolv",
    ),
    Fault(
        check="name-servers",
        make="cp /etc/resolv.conf /root/resolv; : > /etc/resolv.conf",
        unmake="cat /root/resolv > /etc/resolv.conf; rm /root/resolv",
        severity="warning",
    ),
    Fault(
        check="tmp-exec",
        make="mount -o remount,noexec /tmp",
        unmake="mount -o remount,exec /tmp",
        severity="warning",
    ),
    Fault(
        check="read-only",
        make="mount --bind /usr/local /usr/local; mount -o remount,bind,ro /usr/local",
        unmake="umount /usr/local",
    ),
    Fault(
        check="data-root",
        make="mkdir /srv/data; ln -s /srv/data /var/lib/sealer",
        unmake="rm /var/lib/sealer; rmdir /srv/data",
    ),
    Fault(check="data-root", make="chmod 700 /var/lib", unmake="chmod 755 /var/lib"),
    Fault(
        check="default-route",
        make="ip route show default > /root/route; ip route del default",
        unmake="ip route add $(cat /root/route); rm /root/route",
    ),
    Fault(
        check="mtu-equal",
        make="ip link set dev eth0 mtu 1400",
        unmake="ip link set dev eth0 mtu 1500",
        severity="warning",
        code=UNFIT,  # for what becomes of larger packets, which is the next fault
    ),
    # The node drops what is larger than its card takes, and says nothing: n1 sends such packets to it.
    Fault(
        check="mtu-path",
        make="ip link set dev eth0 mtu 1400",
        unmake="ip link set dev eth0 mtu 1500",
        told="n1",
    ),
    Fault(
        check="address-unique",
        make="ip address add $address/32 dev eth0",
        unmake="ip address del $address/32 dev eth0",
        told="n1",
    ),
    Fault(
        check="host-programs",
        make="mv /usr/bin/cmp /usr/bin/cmp.away",
        unmake="mv /usr/bin/cmp.away /usr/bin/cmp",
    ),
    Fault(
        check="inotify",
        make="cd /proc/sys/fs/inotify; cat max_user_instances > /root/was; echo 64 > max_user_instances",
        unmake="cat /root/was > /proc/sys/fs/inotify/max_user_instances; rm /root/was",
        severity="warning",
    ),
    Fault(
        check="reverse-path-filter",
        make="echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter",
        unmake="echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter",
        severity="warning",
    ),
    Fault(
        check="reverse-path-filter",
        make="cd /proc/sys/net/ipv4/conf/default; cat rp_filter > /root/was; echo 1 > rp_filter",
        unmake="cat /root/was > /proc/sys/net/ipv4/conf/default/rp_filter; rm /root/was",
        severity="warning",
    ),
    Fault(
        check="arp-filter",
        make="echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore",
        unmake="echo 0 > /proc/sys/net/ipv4/conf/all/arp_ignore",
        severity="warning",
    ),
    Fault(
        check="inodes",
        make="mkdir /var/lib/sealer; mount -t tmpfs -o nr_inodes=1000 x /var/lib/sealer",
        unmake="umount /var/lib/sealer; rmdir /var/lib/sealer",
    ),
    Fault(
        check="firewall",
        make="systemd-run -q --unit=firewalld sleep 1000",
        unmake="systemctl stop firewalld",
        severity="warning",
    ),
    Fault(
        check="network-namespaces",
        make="chmod 0 /usr/bin/unshare",
        unmake="chmod 755 /usr/bin/unshare",
        severity="not checked",
    ),
    Fault(
        check="forwarding-at-boot",
        make="echo 'net.ipv4.ip_forward = 0 # safer' > /etc/sysctl.d/99-safe.conf",
        unmake="rm /etc/sysctl.d/99-safe.conf",
        severity="warning",
    ),
    Fault(
        check="forward-policy",
        make="iptables -P FORWARD DROP",
        unmake="nft delete table ip filter",
        severity="warning",
    ),
)

_FILTER = "nft add table inet trial; nft add chain inet trial c '{ type filter hook input priority 0; }'"

_UNFILTER = "nft delete table inet trial"

KUBERNETES_FAULTS = (
    Fault(
        check="ports-reachable",
        make=f"{_FILTER}; nft add rule inet trial c tcp dport 6443 drop",
        unmake=_UNFILTER,
        node="n1",
        told="n1",
    ),
    Fault(
        check="ports-reachable",
        make=f"{_FILTER}; nft add rule inet trial c tcp dport 10250 reject with tcp reset",
        unmake=_UNFILTER,
    ),
    Fault(
        check="ports-reachable",
        make=f"{_FILTER}; nft add rule inet trial c tcp dport 5000 reject with icmpx admin-prohibited",
        unmake=_UNFILTER,
        node="n1",
        told="n1",
    ),
    Fault(
        check="kubernetes-ports",
        make="systemd-run -q --unit=trial socat TCP-LISTEN:10250,fork /dev/null;"
        " for i in 1 2 3 4 5 6 7 8 9; do ss -Hltn sport = :10250 | grep -q . && break; sleep 0.2; done",
        unmake="systemctl stop trial",
    ),
    Fault(
        check="kubernetes-unused",
        make="mkdir -p /etc/kubernetes/manifests; : > /etc/kubernetes/manifests/x.yaml",
        unmake="rm -r /etc/kubernetes",
    ),
    Fault(
        check="kubernetes-network-leftovers",
        make="ip link add cni0 type bridge",
        unmake="ip link del cni0",
    ),
    Fault(
        check="kubernetes-networks",
        make="ip route add 10.96.1.0/24 dev eth0",
        unmake="ip route del 10.96.1.0/24 dev eth0",
    ),
    Fault(
        check="containerd-alone",
        make="mkdir -p /var/lib/containerd/io.containerd.metadata.v1.bolt",
        unmake="rm -r /var/lib/containerd",
    ),
)
