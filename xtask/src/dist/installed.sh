#!/bin/sh
# Installs a package in the root of another system, uses it, and removes it. Arguments: the root,
# and the package. Runs as PID 1 of namespaces of its own, so mounts and processes end with it.
set -e
root=$1 package=$2
name=agent-tracer

fail() {
    echo "installed.sh: $*" >&2
    exit 1
}
inside() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive MANPAGER=cat "$@"
}
# Debian's rpm would keep its books in a home.
books() {
    rpm --root "$root" --dbpath /var/lib/rpm "$@"
}
# Lists what is installed. Package managers keep books, logs and caches of their own.
list() {
    (cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/lib/rpm -o -path ./var/log \
        -o -path ./var/cache/man -o -path ./tmp \) -prune -o -print | LC_ALL=C sort)
}

mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"

case $package in
    # The package "filesystem" has it where rpm is at home.
    *.rpm) mkdir -p "$root/usr/share/licenses" ;;
esac
list >"$root/tmp/before"
case $package in
    *.deb)
        zsh=/usr/share/zsh/vendor-completions/_tracer
        cp "$package" "$root/tmp/package.deb"
        inside dpkg --install /tmp/package.deb
        changed=$(inside dpkg --verify "$name")
        [ -z "$changed" ] || fail "files differ from the package: $changed"
        ;;
    *.rpm)
        zsh=/usr/share/zsh/site-functions/_tracer
        books --initdb
        # No package of this root is in its books, so rpm finds no shell for the scripts.
        needs=$(rpm --query --package --requires "$package" | grep -v '^rpmlib(' | sort -u)
        [ "$needs" = /bin/sh ] || fail "the package needs more than a shell: $needs"
        books --install --nodeps "$package"
        books --verify --nodeps "$name" || fail "files differ from the package"
        ;;
    *) fail "cannot install $package" ;;
esac

inside tracer --version
for file in /usr/lib/systemd/system/agent-tracer.service /etc/tracer/record.toml; do
    [ -s "$root$file" ] || fail "there is no $file"
done
inside tracer doctor
inside tracer record -o /tmp/a.trace -- true
inside tracer tree /tmp/a.trace | grep true >/dev/null || fail "the trace has no process"
for page in tracer tracer-record tracer-policy-new; do
    inside man "$page" | grep -q '^NAME' || fail "the page $page does not render"
done
inside bash -c '. /usr/share/bash-completion/completions/tracer && complete -p tracer' ||
    fail "bash does not accept the completions"
for file in "$zsh" /usr/share/fish/vendor_completions.d/tracer.fish; do
    [ -s "$root$file" ] || fail "there is no $file"
done

# Traces of the service go with a purge.
case $package in
    *.deb) mkdir -p "$root/var/lib/tracer" && : >"$root/var/lib/tracer/h.trace" ;;
esac

case $package in
    *.deb) inside dpkg --purge "$name" ;;
    *.rpm) books --erase "$name" ;;
esac
list >"$root/tmp/after"
diff "$root/tmp/before" "$root/tmp/after" || fail "the removal leaves something behind"
