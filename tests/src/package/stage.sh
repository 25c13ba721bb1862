#!/bin/sh
# Sets the stage in mount and process namespaces of its own: the machine's system under a layer of
# memory, with packages fetched but not installed. Arguments are a directory, the tracer and the
# packages. Prints `ready` and whether files of the layer have lasting handles, or `no` and the
# reason. Everything ends with its stdin.
place=$1 tracer=$2
shift 2
exec 3>&1 >"$place/log" 2>&1
unset TMPDIR
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin

no() {
    echo "no $*: $(tail -n 1 "$place/log")" >&3
    cd / && umount --recursive --lazy "$place/memory" && rm -rf --one-file-system "$place"
    exit
}

memory=$place/memory
root=$memory/root
mkdir "$memory" && mount -t tmpfs -o mode=755 tmpfs "$memory" || no "there can be no file system in memory"
mkdir "$memory/upper" "$memory/work" "$root"
# Directories outside of the system are covered: users' files, and others at the top.
for top in /* /.[!.]*; do
    case ${top#/} in
        bin | sbin | lib* | etc | usr | var | dev | proc | sys | run | tmp) ;;
        *) [ ! -e "$top" ] || mknod "$memory/upper$top" c 0 0 || no "nothing can be covered" ;;
    esac
done
# Handles of files last if the layer can be exported. Otherwise the tool sees less, and the variable
# makes it so anywhere.
layers=lowerdir=/,upperdir=$memory/upper,workdir=$memory/work
{ [ -z "$TRACER_TESTS_PLAIN_OVERLAY" ] && mount -t overlay -o "$layers,index=on,nfs_export=on" overlay "$root"; } ||
    mount -t overlay -o "$layers" overlay "$root" || no "there can be no overlay over the root"
[ $# -eq 0 ] || [ -x "$root/usr/bin/apt-get" ] || no "the root's own file system has no apt-get"
mkdir "$root/root" "$root/home" "$root/opt" "$root/srv"
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys" || no "there can be no mounts"
# There is no systemd, and no bus that reaches the machine's own.
mount -t tmpfs -o mode=755 tmpfs "$root/run" && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$root/var/tmp"
mkdir -p "$root$place" "$root${tracer%/*}" && : >"$root$tracer"
mount --bind "$place" "$root$place" && mount --bind "$tracer" "$root$tracer" || no "the tracer cannot be there"
# It may be a link into /run.
if [ -L "$root/etc/resolv.conf" ]; then
    rm "$root/etc/resolv.conf"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
fi
rm -f "$root/usr/sbin/policy-rc.d"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# Images for containers delete fetched packages.
rm -f "$root/etc/apt/apt.conf.d/docker-clean"

apt() {
    timeout 300 chroot "$root" apt-get -y -o Acquire::Retries=3 -o Acquire::http::Timeout=20 "$@"
}
# If that fails, the existing lists may still do.
[ $# -eq 0 ] || apt update
for package; do
    if chroot "$root" dpkg-query -W "$package" | grep -q '	.'; then
        apt purge "$package" || no "$package cannot be removed"
    fi
    apt install --no-install-recommends --download-only "$package" || no "$package cannot be fetched"
done
lasting=$(grep -c " $root .*nfs_export=on" /proc/self/mountinfo)
echo "ready $lasting" >&3
exec 3>&-
read -r _
cd / && umount --recursive --lazy "$memory" && rm -rf --one-file-system "$place"
