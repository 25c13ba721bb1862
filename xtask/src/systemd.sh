#!/bin/sh
# Boots systemd as PID 1 of namespaces of its own, over a copy-on-write layer of this machine's
# system. Arguments: a directory, and a layout of cgroups (unified, hybrid or v1). The directory
# holds `programs`, which are copied to /tests. Everything ends with this process.
set -e
place=$1 layout=$2

if [ -z "$TRACER_SANDBOX_INNER" ]; then
    # A cgroup namespace shows the cgroups that its creator is in as roots. systemd mounts every
    # hierarchy, so it gets a cgroup of its own in each.
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -w "$hierarchy/cgroup.procs" ] || continue
        own=$hierarchy/${place##*/}
        mkdir -p "$own"
        for list in cpuset.cpus cpuset.mems; do
            # A new cgroup of version 1 has no processors, and accepts no process.
            [ ! -w "$own/$list" ] || [ -n "$(cat "$own/$list")" ] ||
                cat "$hierarchy/$list" >"$own/$list" || :
        done
        echo "$$" >"$own/cgroup.procs"
    done
    TRACER_SANDBOX_INNER=1 exec unshare --mount --net --uts --ipc --pid --cgroup --fork \
        --kill-child sh "$0" "$place" "$layout"
fi

mount --make-rprivate /
memory=$place/memory root=$place/memory/root
mkdir "$memory"
mount -t tmpfs -o mode=755 tmpfs "$memory"
mkdir "$memory/upper" "$memory/work" "$root"
# Users' files and mount points of other disks are not part of the system.
for top in /* /.[!.]*; do
    case ${top#/} in
        bin | sbin | lib* | etc | usr | var) ;;
        *) [ ! -e "$top" ] || mknod "$memory/upper$top" c 0 0 ;;
    esac
done
layers=lowerdir=/,upperdir=$memory/upper,workdir=$memory/work
# Files of the layer keep their handles where it can be exported.
mount -t overlay -o "$layers,index=on,nfs_export=on" overlay "$root" 2>/dev/null ||
    mount -t overlay -o "$layers" overlay "$root"
for directory in dev proc sys run tmp root home opt srv mnt tests; do
    mkdir -p "$root/$directory"
done
chmod 1777 "$root/tmp"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mount -t tracefs tracefs "$root/sys/kernel/tracing"
mount -t bpf bpf "$root/sys/fs/bpf"
# Copied: programs get other names there, which a link over a mount cannot do.
cp -a "$place/programs/." "$root/tests/"

words=
case $layout in
    unified)
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
        ;;
    hybrid | v1)
        mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
        mkdir "$root/sys/fs/cgroup/systemd"
        mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
        words="systemd.unified_cgroup_hierarchy=0"
        if [ "$layout" = hybrid ]; then
            mkdir "$root/sys/fs/cgroup/unified"
            mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
        else
            words="$words systemd.legacy_systemd_cgroup_controller=1"
        fi
        ;;
esac

# The machine's hardware, consoles and network stay out of the sandbox.
units=$root/etc/systemd/system
mkdir -p "$units"
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-udev-trigger.service systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service \
    systemd-tmpfiles-clean.timer systemd-sysusers.service getty.target console-getty.service \
    systemd-networkd.service systemd-networkd.socket systemd-resolved.service \
    systemd-timesyncd.service systemd-remount-fs.service systemd-sysctl.service \
    systemd-modules-load.service sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount \
    proc-sys-fs-binfmt_misc.automount systemd-journal-flush.service systemd-firstboot.service \
    systemd-binfmt.service systemd-random-seed.service systemd-pstore.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    e2scrub_reap.service man-db.timer logrotate.timer; do
    rm -f "$units/$unit"
    ln -s /dev/null "$units/$unit"
done
# So do its services and jobs of cron.
for wanted in "$units"/*.target.wants/*; do
    case ${wanted##*/} in
        cron.service) ;;
        *) rm -f "$wanted" ;;
    esac
done
rm -f "$root"/etc/cron.d/* "$root"/etc/cron.*ly/* "$root"/var/spool/cron/crontabs/*
rm -f "$root/etc/machine-id" "$root/etc/fstab" "$root/etc/resolv.conf"
echo 55555555555555555555555555555555 >"$root/etc/machine-id"
: >"$root/etc/fstab"
: >"$root/etc/resolv.conf"
# A package that is installed inside starts its services.
rm -f "$root/usr/sbin/policy-rc.d"
hostname sandbox
printf '127.0.0.1 localhost sandbox\n::1 localhost\n' >"$root/etc/hosts"
ip link set lo up

cd "$root"
mkdir -p mnt/old
pivot_root . mnt/old
umount -l /mnt/old
exec env -i container=tracer-tests PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    SYSTEMD_PROC_CMDLINE="$words" /lib/systemd/systemd --system --unit=multi-user.target \
    >/dev/null 2>&1 </dev/null
