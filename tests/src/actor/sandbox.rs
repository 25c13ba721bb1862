//! Runs programs in their own namespaces, so that no test breaks the machine's.

use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
    unistd::sethostname,
};

use super::become_program;

/// `WHAT… -- PROGRAM…`: runs a program in an altered environment.
///
/// - `tiny DIRECTORY`: a disk of 64 KiB there.
/// - `hide DIRECTORY`: an empty directory there.
/// - `over FILE PLACE`: a file in place of another.
/// - `pids`: process ids from 1.
/// - `named NAME`: that host name.
/// - `powerless`: root in a user namespace only.
/// - `net`: a loopback only, without any host in 192.0.2.0/24.
/// - `network-of PID`: the network of that process.
/// - `steered`, after `net`: any processor may receive the packets of the loopback.
pub(super) fn within(words: &[OsString]) -> ExitCode {
    let mut words = words.iter();
    let mut new_pids = false;
    while let Some(what) = words.next() {
        match what.to_str() {
            Some("--") => break,
            Some("tiny") => {
                own_mounts();
                lay("tmpfs", words.next().expect("a directory"), "size=64k");
            }
            Some("hide") => {
                own_mounts();
                lay("tmpfs", words.next().expect("a directory"), "size=4k");
            }
            Some("over") => {
                own_mounts();
                let file = Path::new(words.next().expect("a file"));
                let place = Path::new(words.next().expect("a place"));
                let none = None::<&str>;
                mount(Some(file), place, none, MsFlags::MS_BIND, none).expect("a file over it");
            }
            Some("pids") => {
                own_mounts();
                unshare(CloneFlags::CLONE_NEWPID).expect("a PID namespace");
                new_pids = true;
            }
            Some("powerless") => {
                unshare(CloneFlags::CLONE_NEWUSER).expect("a user namespace");
                // Root by number, without any power over the kernel.
                fs::write("/proc/self/uid_map", "0 0 1").expect("the user");
            }
            Some("named") => {
                unshare(CloneFlags::CLONE_NEWUTS).expect("a UTS namespace");
                sethostname(words.next().expect("a name")).expect("a name");
            }
            Some("net") => {
                unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
                network();
            }
            Some("steered") => {
                own_mounts();
                // That of this network.
                lay("sysfs", &OsString::from("/sys"), "");
                fs::write("/sys/class/net/lo/queues/rx-0/rps_cpus", "3")
                    .expect("receive packet steering");
            }
            Some("network-of") => super::wire::network_of(words.next().expect("a process")),
            Some(_) | None => return ExitCode::FAILURE,
        }
    }
    let rest: Vec<OsString> = words.cloned().collect();
    if !new_pids {
        return become_program(&rest);
    }
    // The next child is PID 1 there.
    let status = Command::new("/bin/sh")
        .args(["-c", "mount -t proc proc /proc && \"$@\"", "sh"])
        .args(&rest)
        .status()
        .expect("a shell");
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(125))
}

/// Makes mounts private to this process.
fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .expect("private mounts");
}

fn lay(kind: &str, directory: &OsString, options: &str) {
    mount(
        Some("none"),
        Path::new(directory),
        Some(kind),
        MsFlags::empty(),
        Some(options),
    )
    .expect("a file system of its own");
}

/// Brings the loopback up and routes the addresses of documents to it.
fn network() {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::empty(),
        None,
    )
    .expect("a socket");
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&socket);
    // SAFETY: zeroes are a valid value of this structure of integers and null pointers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(*b"lo\0") {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: the request is one for this call, and lives until it returns.
    let up = unsafe { libc::ioctl(descriptor, libc::SIOCSIFFLAGS as _, &request) };
    assert_eq!(up, 0, "the loopback is up");

    let mut device = *b"lo\0";
    // SAFETY: as above.
    let mut route: libc::rtentry = unsafe { std::mem::zeroed() };
    route.rt_dst = address([192, 0, 2, 0]);
    route.rt_genmask = address([255, 255, 255, 0]);
    route.rt_flags = libc::RTF_UP;
    route.rt_dev = device.as_mut_ptr().cast();
    // SAFETY: the request is one for this call; it and the name live until it returns.
    let routed = unsafe { libc::ioctl(descriptor, libc::SIOCADDRT as _, &route) };
    assert_eq!(routed, 0, "a route to no host");
    // Not two minutes of SYNs.
    fs::write("/proc/sys/net/ipv4/tcp_syn_retries", "1").expect("a setting of this namespace");
}

fn address(bytes: [u8; 4]) -> libc::sockaddr {
    let mut data = [0; 14];
    for (place, byte) in data[2..6].iter_mut().zip(bytes) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    libc::sockaddr {
        sa_family: libc::AF_INET as u16,
        sa_data: data,
    }
}
